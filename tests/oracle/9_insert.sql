-- The same rows that a run of the program writes, in the order of their key.
INSERT INTO cohorts_decision (cohort_id, family_ref, person_ref, family_id, person_id, included, reasons, "group",
                              programme_start, programme_end, linkage_scope, facts_digest)
SELECT %(cohort_id)s, family_ref, person_ref, family_id, person_id, included, reasons, "group",
       programme_start, programme_end, linkage_scope, digest
  FROM oracle_outcome JOIN oracle_digest USING (family_id)
 ORDER BY family_ref, person_ref;

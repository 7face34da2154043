-- The findings that a run of the program writes beside its decisions.
INSERT INTO cohorts_finding (cohort_id, code, severity, family_ref, person_ref, field, value)
SELECT %(cohort_id)s, code, CASE WHEN code < 'DQ2' THEN 'critical' ELSE 'query' END, family_ref, person_ref, field, value
  FROM oracle_finding
 ORDER BY family_ref, person_ref, code;

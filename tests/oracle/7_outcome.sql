-- Every candidate's one decision: out with all the reasons that hold, in the order of spec/rules.md, or in with none.
CREATE TEMP VIEW oracle_outcome AS
SELECT family_ref, person_ref, family_id, person_id, reasons = '' AS included, reasons,
       CASE WHEN reasons <> '' THEN '' WHEN engaged THEN 'PROGRAMME' ELSE 'COMPARISON' END AS "group",
       CASE WHEN reasons = '' THEN programme_start END AS programme_start,
       CASE WHEN reasons = '' THEN programme_end END AS programme_end,
       CASE WHEN reasons <> '' THEN '' WHEN limited THEN remaining ELSE %(every_dataset)s END AS linkage_scope
  FROM (SELECT f.family_ref, p.person_ref, p.family_id, p.person_id, p.limited, p.remaining,
               f.engaged, f.programme_start, f.programme_end,
               concat_ws(';',
                   CASE WHEN p.protected_identity THEN 'PROTECTED_IDENTITY' END,
                   CASE WHEN p.protected_address THEN 'PROTECTED_ADDRESS' END,
                   CASE WHEN p.objection_person THEN 'OBJECTION_PERSON' END,
                   CASE WHEN p.objection_family THEN 'OBJECTION_FAMILY' END,
                   CASE WHEN p.objection_scope THEN 'OBJECTION_SCOPE' END,
                   CASE WHEN p.consent_missing THEN 'CONSENT_MISSING' END,
                   CASE WHEN p.notice_missing THEN 'NOTICE_MISSING' END,
                   CASE WHEN p.deceased THEN 'DECEASED' END,
                   CASE WHEN p.not_yet_born THEN 'NOT_YET_BORN' END,
                   CASE WHEN p.identity_incomplete THEN 'IDENTITY_INCOMPLETE' END,
                   CASE WHEN f.no_dependent_child THEN 'NO_DEPENDENT_CHILD' END,
                   CASE WHEN f.too_few_problems THEN 'TOO_FEW_PROBLEMS' END) AS reasons
          FROM oracle_person p JOIN oracle_family f ON f.family_id = p.family_id) AS judged;

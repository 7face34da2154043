-- Every candidate with each reason about the person, true or false (spec/rules.md, "Reasons, in order of precedence").
-- Everything below comes in the order of persons: at this size merging is half as dear as hashing.
SET LOCAL enable_hashjoin = off;

CREATE TEMP TABLE oracle_person AS
SELECT c.family_id, c.person_id, p.reference AS person_ref, c.resident,

       coalesce(protected.identity, FALSE) AS protected_identity,
       coalesce(protected.address, FALSE) AS protected_address,
       coalesce(objected.in_person, FALSE) AS objection_person,
       coalesce(objected.in_family, FALSE) AS objection_family,
       scope.person_id IS NOT NULL AND (scope.remaining IS NULL OR %(scope)s = 'all-or-nothing') AS objection_scope,
       coalesce(told.asks_consent, FALSE) AND consented.person_id IS NULL AS consent_missing,
       NOT coalesce(told.in_time, FALSE) AS notice_missing,
       coalesce(p.date_of_death <= %(cut_off)s, FALSE) AS deceased,
       coalesce(p.date_of_birth > %(cut_off)s, FALSE) AS not_yet_born,

       -- IDENTITY_INCOMPLETE: a critical finding of spec/data.md, on the survivor's own record.
       -- DQ101, DQ102, DQ107
       p.given_name IN (SELECT name FROM oracle_no_name) OR p.family_name IN (SELECT name FROM oracle_no_name)
       -- DQ103, DQ104
       OR p.date_of_birth IS NULL
       OR p.date_of_birth < DATE '1895-01-01'
       OR coalesce(p.date_of_birth > p.date_of_death, FALSE)
       -- DQ105, DQ106
       OR p.sex = ''
       OR addressed.person_id IS NULL AS identity_incomplete,

       -- "Dependent child": born, alive, under 16 (or under 19 and in education or unemployed), living here.
       c.resident
       AND coalesce(p.date_of_birth <= %(cut_off)s, FALSE)
       AND coalesce(p.date_of_death > %(cut_off)s, TRUE)
       AND (p.date_of_birth > %(sixteen_by)s
            OR (p.date_of_birth > %(nineteen_by)s AND p.in_education IN ('education', 'unemployed'))) AS dependent_child,

       scope.person_id IS NOT NULL AS limited, scope.remaining
  FROM oracle_candidate c
       JOIN cohorts_person p ON p.id = c.person_id
       LEFT JOIN oracle_addressed addressed ON addressed.person_id = c.person_id
       LEFT JOIN oracle_protected protected ON protected.person_id = c.person_id
       LEFT JOIN oracle_objected_to_all objected ON objected.person_id = c.person_id
       LEFT JOIN oracle_scope scope ON scope.person_id = c.person_id
       LEFT JOIN oracle_told told ON told.person_id = c.person_id
       LEFT JOIN (SELECT DISTINCT person_id FROM oracle_consented) AS consented ON consented.person_id = c.person_id;

SET LOCAL enable_hashjoin = on;

ANALYZE oracle_person;

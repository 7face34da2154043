-- A digest over what was found of each family's candidates.
CREATE TEMP TABLE oracle_digest AS
SELECT family_id, md5(string_agg(p::text, E'\n' ORDER BY person_id)) AS digest
  FROM oracle_person p
 GROUP BY family_id;

ANALYZE oracle_digest (family_id);

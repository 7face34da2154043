-- Who is considered, and what each of them is (spec/rules.md).

-- A person recorded twice and merged counts once, as the record at the end of the chain.
CREATE TEMP TABLE oracle_merged AS
WITH RECURSIVE chain (person_id, survivor_id) AS (
    SELECT id, merged_into_id FROM cohorts_person WHERE merged_into_id IS NOT NULL
    UNION ALL
    SELECT chain.person_id, further.merged_into_id
      FROM chain JOIN cohorts_person further ON further.id = chain.survivor_id
     WHERE further.merged_into_id IS NOT NULL
)
SELECT chain.person_id, chain.survivor_id
  FROM chain JOIN cohorts_person survivor ON survivor.id = chain.survivor_id
 WHERE survivor.merged_into_id IS NULL;

ANALYZE oracle_merged;

-- Memberships of a merged record are the survivor's.
CREATE TEMP VIEW oracle_membership AS
SELECT m.family_id, coalesce(merged.survivor_id, m.person_id) AS person_id,
       m.joined_on, m.left_on, m.lives_in_household
  FROM cohorts_membership m LEFT JOIN oracle_merged merged ON merged.person_id = m.person_id;

-- A candidate: membership and flag stand on the cut-off. Of two memberships it is enough that one says "resident".
CREATE TEMP TABLE oracle_candidate AS
SELECT m.family_id, m.person_id, bool_or(m.lives_in_household) AS resident
  FROM oracle_membership m JOIN cohorts_family f ON f.id = m.family_id
 WHERE m.joined_on <= %(cut_off)s AND (m.left_on IS NULL OR m.left_on > %(cut_off)s)
   AND f.flagged_on <= %(cut_off)s AND (f.lifted_on IS NULL OR f.lifted_on > %(cut_off)s)
 GROUP BY m.family_id, m.person_id;

ANALYZE oracle_candidate;

-- DQ101, DQ102: no letter. DQ107: a placeholder, in the normal form (no placeholder has an apostrophe or a hyphen to
-- straighten). Each name is looked at once, however many people have it.
CREATE TEMP TABLE oracle_no_name AS
WITH held (name) AS MATERIALIZED (
    SELECT given_name FROM cohorts_person GROUP BY given_name
    UNION
    SELECT family_name FROM cohorts_person GROUP BY family_name
)
SELECT name
  FROM held
 WHERE name COLLATE pg_c_utf8 !~ '[[:alpha:]]'
    OR lower(normalize(name COLLATE pg_c_utf8, NFKC)) ~ '^\s*(unknown|not\s+known|n/k|baby|unborn|test|tbc)\s*$';

-- DQ106: the address that stood on the cut-off (of several the latest, then the last entered) has two lines or more.
-- Addresses are the survivor's own.
CREATE TEMP VIEW oracle_addressed AS
SELECT person_id
  FROM (SELECT DISTINCT ON (person_id) person_id,
               (line_1 <> '' AND line_1 ~ '\S')::int + (line_2 <> '' AND line_2 ~ '\S')::int
                   + (line_3 <> '' AND line_3 ~ '\S')::int + (line_4 <> '' AND line_4 ~ '\S')::int
                   + (line_5 <> '' AND line_5 ~ '\S')::int AS lines
          FROM cohorts_address
         WHERE from_on <= %(cut_off)s AND (to_on IS NULL OR to_on > %(cut_off)s)
         ORDER BY person_id, from_on DESC, id DESC) AS carried
 WHERE lines >= 2;

-- PROTECTED_IDENTITY, PROTECTED_ADDRESS: the mark stands on the day of the run.
CREATE TEMP TABLE oracle_protected AS
SELECT coalesce(merged.survivor_id, mark.person_id) AS person_id,
       bool_or(kind IN ('adoption', 'witness_protection', 'other_court_order')) AS identity,
       bool_or(kind IN ('refuge', 'sensitive_address')) AS address
  FROM cohorts_protection mark LEFT JOIN oracle_merged merged ON merged.person_id = mark.person_id
 WHERE mark.from_on <= %(run_day)s AND (mark.to_on IS NULL OR mark.to_on > %(run_day)s)
 GROUP BY 1;

ANALYZE oracle_protected;

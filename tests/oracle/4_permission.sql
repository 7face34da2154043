-- What people were told, object to and agreed to, at the moment of the run (spec/rules.md, "Objections",
-- "Consent and notice").

-- Standing objections, a row for each person they cover. Undecided ones stand.
CREATE TEMP TABLE oracle_objected AS
WITH standing AS (
    SELECT id, person_id, family_id, datasets
      FROM cohorts_objection
     WHERE received_at <= %(run_at)s
       AND (lifted_at IS NULL OR lifted_at > %(run_at)s)
       AND (refused_at IS NULL OR refused_at > %(run_at)s)
)
SELECT 'person' AS about, coalesce(merged.survivor_id, o.person_id) AS person_id, o.datasets
  FROM standing o LEFT JOIN oracle_merged merged ON merged.person_id = o.person_id
 WHERE o.person_id IS NOT NULL
UNION ALL
-- About the family: whoever was a member on the cut-off, flagged or not ...
SELECT 'family', m.person_id, o.datasets
  FROM standing o JOIN oracle_membership m ON m.family_id = o.family_id
 WHERE m.joined_on <= %(cut_off)s AND (m.left_on IS NULL OR m.left_on > %(cut_off)s)
   AND NOT EXISTS (SELECT FROM cohorts_objection_narrowed_to named WHERE named.objection_id = o.id)
UNION ALL
-- ... until it is narrowed to named persons.
SELECT 'family', coalesce(merged.survivor_id, named.person_id), o.datasets
  FROM standing o JOIN cohorts_objection_narrowed_to named ON named.objection_id = o.id
       LEFT JOIN oracle_merged merged ON merged.person_id = named.person_id
 WHERE o.family_id IS NOT NULL;

ANALYZE oracle_objected;

-- OBJECTION_PERSON, OBJECTION_FAMILY: for all datasets.
CREATE TEMP TABLE oracle_objected_to_all AS
SELECT person_id, bool_or(about = 'person') AS in_person, bool_or(about = 'family') AS in_family
  FROM oracle_objected
 WHERE datasets = '{}'
 GROUP BY person_id;

ANALYZE oracle_objected_to_all;

-- NOTICE_MISSING: a version covers every dataset and recipient of the round.
CREATE TEMP TABLE oracle_version AS
SELECT id, basis, published_on,
       (datasets = '{}' OR datasets @> %(datasets)s::varchar[]) AND recipients @> %(recipients)s::varchar[] AS covers
  FROM cohorts_noticeversion;

ANALYZE oracle_version;

-- NOTICE_MISSING, and the latest notice: issued to the person, or to a family while they were a member of it.
-- The latest is found as one number, the day and then the order of entry (an id stays far below 2^40); it asks for
-- consent where it is the latest of those that do.
CREATE TEMP TABLE oracle_told AS
WITH issued AS (
    SELECT coalesce(merged.survivor_id, n.person_id) AS person_id, n.version_id, n.issued_on,
           (n.issued_on - DATE '2000-01-01')::bigint << 40 | n.id AS place
      FROM cohorts_notice n LEFT JOIN oracle_merged merged ON merged.person_id = n.person_id
     WHERE n.person_id IS NOT NULL
    UNION ALL
    SELECT m.person_id, n.version_id, n.issued_on,
           (n.issued_on - DATE '2000-01-01')::bigint << 40 | n.id
      FROM cohorts_notice n JOIN oracle_membership m ON m.family_id = n.family_id
     WHERE m.joined_on <= n.issued_on AND (m.left_on IS NULL OR m.left_on > n.issued_on)
)
SELECT issued.person_id,
       max(place) & ((1::bigint << 40) - 1) AS latest_id,
       coalesce(max(place) = max(place) FILTER (WHERE v.basis = 'CONSENT'), FALSE) AS asks_consent,
       bool_or(v.covers AND issued.issued_on <= %(notice_by)s) AS in_time
  FROM issued JOIN oracle_version v ON v.id = issued.version_id
 WHERE issued.issued_on <= %(run_day)s
 GROUP BY issued.person_id;

ANALYZE oracle_told;

-- CONSENT_MISSING: standing consents to research, of those whose latest notice asks for one. A consent names that
-- version or one published later.
CREATE TEMP TABLE oracle_consented AS
SELECT told.person_id, c.datasets
  FROM oracle_told told
       JOIN cohorts_notice latest ON latest.id = told.latest_id
       JOIN oracle_version asking ON asking.id = latest.version_id
       JOIN (SELECT coalesce(merged.survivor_id, consent.person_id) AS person_id, version_id, datasets
               FROM cohorts_consent consent LEFT JOIN oracle_merged merged ON merged.person_id = consent.person_id
              WHERE purpose = 'research'
                AND given_on <= %(run_day)s
                AND (withdrawn_at IS NULL OR withdrawn_at > %(run_at)s)) AS c ON c.person_id = told.person_id
       JOIN oracle_version named ON named.id = c.version_id
 WHERE told.asks_consent
   AND (named.id = asking.id OR named.published_on > asking.published_on);

ANALYZE oracle_consented;

-- The round's datasets, in its order.
CREATE TEMP TABLE oracle_dataset AS
SELECT code, place FROM unnest(%(datasets)s::text[]) WITH ORDINALITY AS asked (code, place);

ANALYZE oracle_dataset;

-- OBJECTION_SCOPE: who has datasets of the round taken away, and what is left (NULL: nothing).
CREATE TEMP TABLE oracle_scope AS
WITH taken AS (
    SELECT objected.person_id, named.code
      FROM oracle_objected objected CROSS JOIN unnest(objected.datasets) AS named (code)
     WHERE named.code IN (SELECT code FROM oracle_dataset)
    UNION
    -- Consents to some datasets only add up; those not consented to are taken away.
    (SELECT limited.person_id, asked.code
       FROM (SELECT person_id FROM oracle_consented GROUP BY person_id HAVING NOT bool_or(datasets = '{}')) AS limited
            CROSS JOIN oracle_dataset asked
     EXCEPT
     SELECT person_id, unnest(datasets) FROM oracle_consented)
)
SELECT person_id, string_agg(asked.code, ';' ORDER BY asked.place) FILTER (WHERE taken.code IS NULL) AS remaining
  FROM (SELECT DISTINCT person_id FROM taken) AS concerned
       CROSS JOIN oracle_dataset asked
       LEFT JOIN taken USING (person_id, code)
 GROUP BY person_id;

ANALYZE oracle_scope;

-- What is wrong with the record of every candidate, and with their families (spec/data.md, "Findings"). One row for
-- each field at fault. A person who is a candidate in two families is found in both.

-- What is carried: the survivor's own record, and the address that stood on the cut-off.
CREATE TEMP TABLE oracle_record AS
SELECT f.reference AS family_ref, p.reference AS person_ref, c.family_id, c.person_id,
       p.given_name, p.middle_names, p.family_name, p.previous_family_names, p.date_of_birth, p.date_of_death, p.sex,
       p.nino, p.nhs_number, p.upn,
       a.person_id IS NOT NULL AS addressed, a.line_1, a.line_2, a.line_3, a.line_4, a.line_5, a.postcode
  FROM oracle_candidate c
       JOIN cohorts_family f ON f.id = c.family_id
       JOIN cohorts_person p ON p.id = c.person_id
       LEFT JOIN (SELECT DISTINCT ON (person_id) *
                    FROM cohorts_address
                   WHERE from_on <= %(cut_off)s AND (to_on IS NULL OR to_on > %(cut_off)s)
                   ORDER BY person_id, from_on DESC, id DESC) AS a ON a.person_id = c.person_id;

ANALYZE oracle_record;

-- The texts that are wrong as names, and how: each is looked at once, however many people have it.
CREATE TEMP TABLE oracle_text AS
WITH held (name) AS MATERIALIZED (
    SELECT given_name FROM oracle_record GROUP BY 1 UNION SELECT middle_names FROM oracle_record GROUP BY 1
    UNION SELECT family_name FROM oracle_record GROUP BY 1 UNION SELECT previous_family_names FROM oracle_record GROUP BY 1
), looked_at AS (
    SELECT name,
           name COLLATE pg_c_utf8 !~ '[[:alpha:]]' AS letterless,
           lower(normalize(name COLLATE pg_c_utf8, NFKC)) ~ '^\s*(unknown|not\s+known|n/k|baby|unborn|test|tbc)\s*$'
               AS placeholder,
           length(name) > 35 AS long,
           name COLLATE pg_unicode_fast ~ '[[:digit:]]' AS digits
      FROM held
)
SELECT * FROM looked_at WHERE letterless OR placeholder OR long OR digits;

ANALYZE oracle_text;

CREATE TEMP TABLE oracle_postcode AS
SELECT postcode,
       form !~ '^([A-Z]{1,2}[0-9][0-9A-Z]? ?[0-9][ABD-HJLNP-UW-Z]{2}|GIR ?0AA|ZZ99 ?[0-9][A-Z]{2})$' AS formless,
       replace(form, ' ', '') LIKE 'ZZ99%%' AS pseudo
  FROM (SELECT postcode, btrim(regexp_replace(upper(postcode), '\s+', ' ', 'g')) AS form
          FROM (SELECT DISTINCT postcode FROM oracle_record WHERE addressed) AS held) AS formed;

-- The youngest lead of each family on the cut-off, and its children.
CREATE TEMP TABLE oracle_role AS
SELECT m.family_id, coalesce(merged.survivor_id, m.person_id) AS person_id,
       bool_or(m.relationship = 'lead') AS leads,
       bool_or(m.relationship IN ('child', 'step_child', 'grandchild')) AS is_child
  FROM cohorts_membership m LEFT JOIN oracle_merged merged ON merged.person_id = m.person_id
 WHERE m.joined_on <= %(cut_off)s AND (m.left_on IS NULL OR m.left_on > %(cut_off)s)
 GROUP BY 1, 2;

CREATE TEMP TABLE oracle_lead AS
SELECT family_id, max(date_of_birth) AS born
  FROM oracle_role JOIN oracle_record USING (family_id, person_id) WHERE leads GROUP BY family_id;

CREATE TEMP TABLE oracle_finding AS
-- Texts that are no names (a second or a previous name may be empty)
SELECT r.family_ref, r.person_ref, wrong.code, 'given_name' AS field, t.name AS value
  FROM oracle_record r JOIN oracle_text t ON t.name = r.given_name
       CROSS JOIN LATERAL (VALUES ('DQ101', letterless), ('DQ107', placeholder), ('DQ213', long), ('DQ214', digits))
           AS wrong (code, holds)
 WHERE wrong.holds
UNION ALL
SELECT r.family_ref, r.person_ref, wrong.code, 'family_name', t.name
  FROM oracle_record r JOIN oracle_text t ON t.name = r.family_name
       CROSS JOIN LATERAL (VALUES ('DQ102', letterless), ('DQ107', placeholder), ('DQ213', long), ('DQ214', digits))
           AS wrong (code, holds)
 WHERE wrong.holds
UNION ALL
SELECT r.family_ref, r.person_ref, wrong.code, 'middle_names', t.name
  FROM oracle_record r JOIN oracle_text t ON t.name = r.middle_names AND r.middle_names <> ''
       CROSS JOIN LATERAL (VALUES ('DQ213', long), ('DQ214', digits)) AS wrong (code, holds)
 WHERE wrong.holds
UNION ALL
SELECT r.family_ref, r.person_ref, wrong.code, 'previous_family_names', t.name
  FROM oracle_record r JOIN oracle_text t ON t.name = r.previous_family_names AND r.previous_family_names <> ''
       CROSS JOIN LATERAL (VALUES ('DQ213', long), ('DQ214', digits)) AS wrong (code, holds)
 WHERE wrong.holds
UNION ALL
-- Births that are missing or impossible, and those that a system filled in
SELECT family_ref, person_ref, 'DQ103', 'date_of_birth', '' FROM oracle_record WHERE date_of_birth IS NULL
UNION ALL
SELECT family_ref, person_ref, 'DQ104', 'date_of_birth', date_of_birth::text
  FROM oracle_record WHERE date_of_birth < DATE '1895-01-01' OR date_of_birth > date_of_death
UNION ALL
SELECT family_ref, person_ref, 'DQ211', 'date_of_birth', date_of_birth::text
  FROM oracle_record WHERE date_of_birth IN ('1900-01-01', '1901-01-01', '1970-01-01')
UNION ALL
SELECT family_ref, person_ref, CASE sex WHEN '' THEN 'DQ105' ELSE 'DQ212' END, 'sex', sex
  FROM oracle_record WHERE sex IN ('', '0')
UNION ALL
-- Addresses
SELECT family_ref, person_ref, 'DQ106', 'address', coalesce(given.lines, '')
  FROM oracle_record
       CROSS JOIN LATERAL (
           SELECT string_agg(line, ', ' ORDER BY place) AS lines, count(line) AS many
             FROM unnest(ARRAY[line_1, line_2, line_3, line_4, line_5]) WITH ORDINALITY AS l (line, place)
            WHERE line ~ '\S') AS given
 WHERE (NOT addressed OR line_1 = '' OR line_2 = '' OR line_1 !~ '\S' OR line_2 !~ '\S') AND given.many < 2
UNION ALL
SELECT family_ref, person_ref, 'DQ213', l.field, l.line
  FROM oracle_record
       CROSS JOIN LATERAL (VALUES ('line_1', line_1), ('line_2', line_2), ('line_3', line_3), ('line_4', line_4),
                                  ('line_5', line_5)) AS l (field, line)
 WHERE greatest(length(line_1), length(line_2), length(line_3), length(line_4), length(line_5)) > 35
   AND length(l.line) > 35
UNION ALL
SELECT r.family_ref, r.person_ref, wrong.code, 'postcode', p.postcode
  FROM oracle_postcode p
       CROSS JOIN LATERAL (VALUES ('DQ201', formless), ('DQ202', pseudo)) AS wrong (code, holds)
       JOIN oracle_record r ON r.addressed AND r.postcode = p.postcode
 WHERE wrong.holds
UNION ALL
-- Numbers, read without spaces and in capitals
SELECT family_ref, person_ref, 'DQ203', 'nhs_number', nhs_number
  FROM (SELECT family_ref, person_ref, nhs_number, CASE WHEN nhs_number ~ '^[0-9]{10}$' THEN nhs_number ELSE regexp_replace(nhs_number, '\s', '', 'g') END AS n
          FROM oracle_record WHERE nhs_number <> '') AS number
 WHERE CASE WHEN n !~ '^[0-9]{10}$' OR n = repeat(left(n, 1), 10) THEN TRUE
            -- Weights 10 to 2, and the check digit itself: a multiple of eleven (a check of ten is never issued).
            ELSE (ascii(n) * 10 + ascii(substr(n, 2)) * 9 + ascii(substr(n, 3)) * 8 + ascii(substr(n, 4)) * 7
                  + ascii(substr(n, 5)) * 6 + ascii(substr(n, 6)) * 5 + ascii(substr(n, 7)) * 4
                  + ascii(substr(n, 8)) * 3 + ascii(substr(n, 9)) * 2 + ascii(substr(n, 10)) - 55 * 48) %% 11 <> 0 END
UNION ALL
SELECT family_ref, person_ref, 'DQ204', 'nino', nino
  FROM oracle_record
 WHERE nino <> ''
   AND regexp_replace(upper(nino), '\s', '', 'g')
       !~ '^(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][0-9]{6}[A-D]$'
UNION ALL
SELECT family_ref, person_ref, 'DQ205', 'upn', upn
  FROM (SELECT family_ref, person_ref, upn, CASE WHEN upn ~ '^[A-Z0-9]{13}$' THEN upn ELSE regexp_replace(upper(upn), '\s', '', 'g') END AS n
          FROM oracle_record WHERE upn <> '') AS number
 WHERE CASE WHEN n !~ '^[A-HJ-NP-RT-Z][0-9]{11}[0-9A-HJ-NP-RT-Z]$' THEN TRUE
            ELSE left(n, 1) <> substr('ABCDEFGHJKLMNPQRTUVWXYZ', 1 + (
                (ascii(substr(n, 2)) - 48) * 2 + (ascii(substr(n, 3)) - 48) * 3 + (ascii(substr(n, 4)) - 48) * 4
                + (ascii(substr(n, 5)) - 48) * 5 + (ascii(substr(n, 6)) - 48) * 6 + (ascii(substr(n, 7)) - 48) * 7
                + (ascii(substr(n, 8)) - 48) * 8 + (ascii(substr(n, 9)) - 48) * 9 + (ascii(substr(n, 10)) - 48) * 10
                + (ascii(substr(n, 11)) - 48) * 11 + (ascii(substr(n, 12)) - 48) * 12
                -- The last of a temporary number is a letter, worth its place among those in use.
                + 13 * CASE WHEN right(n, 1) ~ '[0-9]' THEN ascii(right(n, 1)) - 48
                            ELSE strpos('ABCDEFGHJKLMNPQRTUVWXYZ', right(n, 1)) - 1 END) %% 23, 1) END
UNION ALL
SELECT family_ref, person_ref, 'DQ206', 'nino', nino
  FROM oracle_record WHERE nino <> '' AND date_of_birth > (%(cut_off)s - INTERVAL '15 years 6 months')::date
UNION ALL
-- A child of the family older than 25, or born before the youngest lead was twelve
SELECT family_ref, person_ref, 'DQ207', 'date_of_birth', date_of_birth::text
  FROM oracle_record JOIN oracle_role USING (family_id, person_id) LEFT JOIN oracle_lead USING (family_id)
 WHERE is_child
   AND (date_of_birth <= (%(cut_off)s - INTERVAL '26 years')::date
        OR oracle_lead.born > (date_of_birth - INTERVAL '12 years')::date)
UNION ALL
SELECT family_ref, person_ref, 'DQ208', shared.field, shared.value
  FROM oracle_record JOIN (
      SELECT unnest(array_agg(id)) AS person_id, 'nhs_number' AS field, unnest(array_agg(nhs_number)) AS value
        FROM cohorts_person WHERE nhs_number <> '' AND merged_into_id IS NULL
       GROUP BY upper(replace(nhs_number, ' ', '')) HAVING count(*) > 1
      UNION ALL
      SELECT unnest(array_agg(id)), 'nino', unnest(array_agg(nino)) FROM cohorts_person
       WHERE nino <> '' AND merged_into_id IS NULL GROUP BY upper(replace(nino, ' ', '')) HAVING count(*) > 1
      UNION ALL
      SELECT unnest(array_agg(id)), 'upn', unnest(array_agg(upn)) FROM cohorts_person
       WHERE upn <> '' AND merged_into_id IS NULL GROUP BY upper(replace(upn, ' ', '')) HAVING count(*) > 1
  ) AS shared USING (person_id)
UNION ALL
-- Whoever may be on file twice, and nobody has decided: by the record that each of the two counts as
SELECT DISTINCT r.family_ref, r.person_ref, 'DQ209', 'record', ''
  FROM cohorts_pair p
       LEFT JOIN oracle_merged m1 ON m1.person_id = p.first_id
       LEFT JOIN oracle_merged m2 ON m2.person_id = p.second_id
       CROSS JOIN LATERAL (VALUES (coalesce(m1.survivor_id, p.first_id), coalesce(m2.survivor_id, p.second_id)))
           AS now (one, other)
       JOIN oracle_record r ON r.person_id IN (now.one, now.other)
 WHERE p.decided_at IS NULL AND p.state <> 'GONE' AND now.one <> now.other
    OR p.state = 'NOT_SURE' AND now.one <> now.other
UNION ALL
-- Of the family itself
SELECT f.reference, '', 'DQ210', 'started_on', e.started_on::text
  FROM (SELECT DISTINCT family_id FROM oracle_record) AS considered
       JOIN cohorts_family f ON f.id = considered.family_id
       JOIN cohorts_engagement e ON e.family_id = f.id AND e.started_on < f.flagged_on;

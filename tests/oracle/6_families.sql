-- What is asked of the family as a whole (spec/rules.md).

-- The indicators of the round's framework, the problem that each counts as, and the day after which it must be seen.
CREATE TEMP TABLE oracle_indicator AS
SELECT code,
       CASE %(unit)s WHEN 'headline' THEN headline ELSE code END AS problem,
       coalesce((%(cut_off)s - make_interval(months => months))::date, '-infinity') AS seen_after
  FROM unnest(%(indicators)s::text[], %(headlines)s::text[], %(months)s::int[]) AS framework (code, headline, months);

ANALYZE oracle_indicator;

-- TOO_FEW_PROBLEMS: "Counting headline problems". A problem of somebody who lives elsewhere counts only where no
-- resident and no one in particular has it too, and all of those count as one.
CREATE TEMP TABLE oracle_counted AS
WITH seen AS (
    SELECT e.family_id, coalesce(merged.survivor_id, e.person_id) AS person_id, i.problem
      FROM cohorts_evidence e
           JOIN oracle_indicator i ON i.code = e.indicator
           LEFT JOIN oracle_merged merged ON merged.person_id = e.person_id
     WHERE e.observed_on <= %(cut_off)s
       AND e.observed_on > i.seen_after
       AND (e.in_error_at IS NULL OR e.in_error_at > %(run_at)s)
), counting AS (
    SELECT family_id, problem, TRUE AS of_household FROM seen WHERE person_id IS NULL
    UNION ALL
    SELECT family_id, problem, about.resident
      FROM seen JOIN oracle_person about USING (family_id, person_id)
     WHERE NOT (about.protected_identity OR about.protected_address OR about.objection_person
                OR about.objection_family OR about.objection_scope OR about.consent_missing
                OR about.notice_missing)
)
SELECT family_id, count(*) FILTER (WHERE of_household) + max((NOT of_household)::int) AS problems
  FROM (SELECT family_id, problem, bool_or(of_household) AS of_household
          FROM counting
         GROUP BY family_id, problem) AS evidenced
 GROUP BY family_id;

ANALYZE oracle_counted;

-- group, programme_start, programme_end. The latest engagement is the one that started last; the end of the latest is
-- given where none is open on the cut-off.
CREATE TEMP TABLE oracle_engaged AS
SELECT family_id, min(started_on) AS programme_start,
       CASE WHEN NOT bool_or(ended_on IS NULL OR ended_on > %(cut_off)s)
            THEN (array_agg(ended_on ORDER BY started_on DESC, ended_on DESC))[1] END AS programme_end
  FROM cohorts_engagement
 WHERE started_on <= %(cut_off)s
 GROUP BY family_id;

ANALYZE oracle_engaged;

CREATE TEMP TABLE oracle_family AS
SELECT c.family_id, f.reference AS family_ref,
       NOT c.child AS no_dependent_child,
       coalesce(counted.problems, 0) < %(minimum)s AS too_few_problems,
       engaged.family_id IS NOT NULL AS engaged, engaged.programme_start, engaged.programme_end
  FROM (SELECT family_id, bool_or(dependent_child) AS child FROM oracle_person GROUP BY family_id) AS c
       JOIN cohorts_family f ON f.id = c.family_id
       LEFT JOIN oracle_counted counted ON counted.family_id = c.family_id
       LEFT JOIN oracle_engaged engaged ON engaged.family_id = c.family_id;

ANALYZE oracle_family;

"""What searching reads: the words of names, kept beside the records and never in a loader's way (docs/decisions).

    cohorts_to_find    what is to be found of each record of a person: words of names, day of birth, postcodes, NHS number
    cohorts_findable   the same, kept with indexes
    cohorts_nameword   every word that stands there, once: to look up what is spelt nearly as somebody typed
    cohorts_unfound    ranges of people that a bulk file wrote, and that are not taken in yet

A statement that writes a few people or addresses takes them in at once: who was saved a second ago is found. One that
writes many notes their ranges, which costs a load almost nothing, and a worker takes them in a piece at a time
(cohorts/findable.py). Until then the search reads those people from `cohorts_to_find`.

The triggers see what others committed under READ COMMITTED alone, as those of migration 0004 do.
"""

from django.db import migrations

# So many people a single statement may write and still take them in itself; and so many are one range.
FEW = 1000

EXTENSIONS = """
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS unaccent;
"""

# unaccent reads a file of the server, which changes with the server alone: then `cohorts_take_in` takes all in again.
WORDS = r"""
CREATE FUNCTION cohorts_folded(text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
-- Without case, accents, apostrophes and marks of direction; what parts words is a space.
DECLARE
    folded text := $1;
BEGIN
    IF octet_length(folded) <> length(folded) THEN
        folded := regexp_replace(normalize(folded, NFKD), U&'[\0300-\036F\00AD\200B-\200F\202A-\202E\2060-\2069\FEFF]', '', 'g');
        folded := normalize(casefold(public.unaccent('public.unaccent', folded) COLLATE pg_catalog.pg_unicode_fast), NFKC);
    ELSE
        folded := lower(folded COLLATE "C");
    END IF;
    RETURN translate(folded, U&' \0009\000A\000B\000C\000D\00A0-\2010\2011\2012\2013\2014\2212_/,;.:()[]{}"&+*''`\00B4\2018\2019\02BC\02BB\2032',
                             '                            ');
END $$;

CREATE FUNCTION cohorts_words(VARIADIC names text[]) RETURNS text[] LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
-- The words of each name, and of a compound name the whole as one word; an empty text after each name.
DECLARE
    name text;
    parts text[];
    words text[] := '{}';
BEGIN
    FOREACH name IN ARRAY names LOOP
        IF name <> '' THEN
            parts := array_remove(string_to_array(public.cohorts_folded(name), ' '), '');
            IF cardinality(parts) BETWEEN 2 AND 4 THEN
                parts := parts || array_to_string(parts, '');
            END IF;
            -- An index takes no longer ones.
            IF length(name) > 60 THEN
                parts := ARRAY(SELECT left(part, 60) FROM unnest(parts) WITH ORDINALITY AS p (part, n) ORDER BY n);
            END IF;
            words := words || parts;
        END IF;
        words := words || ''::text;
    END LOOP;
    RETURN words;
END $$;

CREATE FUNCTION cohorts_deletions(word text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
-- The word, and what is left of it without any one of its letters: words that differ by one slip share one of these.
    SELECT ARRAY[word] || ARRAY(
        SELECT DISTINCT overlay(word PLACING '' FROM n FOR 1) FROM generate_series(1, length(word)) n
        WHERE length(word) BETWEEN 2 AND 30
    )
$$;
"""

TABLES = """
CREATE VIEW cohorts_to_find AS
SELECT p.id AS person_id,
    cohorts_words(p.given_name, p.middle_names, p.family_name, p.previous_family_names) AS words,
    p.date_of_birth AS born,
    -- Each postcode whole, and its first half.
    ARRAY(
        SELECT DISTINCT half FROM cohorts_address a,
            translate(upper(a.postcode), ' ', '') AS whole (postcode),
            unnest(ARRAY[whole.postcode, left(whole.postcode, -3)]) AS halves (half)
        WHERE a.person_id = p.id AND half <> ''
        ORDER BY half
    ) AS postcodes,
    translate(p.nhs_number, ' ', '') AS nhs_number
FROM cohorts_person p;

CREATE TABLE cohorts_findable (
    person_id bigint PRIMARY KEY REFERENCES cohorts_person ON DELETE CASCADE,
    words text[] COLLATE "C" NOT NULL,
    born date,
    postcodes text[] COLLATE "C" NOT NULL,
    nhs_number text COLLATE "C" NOT NULL
);
CREATE INDEX findable_words ON cohorts_findable USING gin (words);
CREATE INDEX findable_born ON cohorts_findable (born);
CREATE INDEX findable_postcodes ON cohorts_findable USING gin (postcodes);
CREATE INDEX findable_nhs_number ON cohorts_findable (nhs_number) WHERE nhs_number <> '';

CREATE TABLE cohorts_nameword (
    word text COLLATE "C" PRIMARY KEY,
    deletions text[] COLLATE "C" NOT NULL
);
CREATE INDEX nameword_trigrams ON cohorts_nameword USING gin (word gin_trgm_ops);
CREATE INDEX nameword_deletions ON cohorts_nameword USING gin (deletions);

CREATE TABLE cohorts_unfound (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    first bigint NOT NULL,
    last bigint NOT NULL
);
"""

TAKE_IN = """
CREATE FUNCTION cohorts_take_in(people bigint[]) RETURNS void LANGUAGE plpgsql AS $$
-- Make these people findable as they stand now.
DECLARE
    added bigint[];
BEGIN
    WITH written AS (
        INSERT INTO cohorts_findable
        SELECT * FROM cohorts_to_find WHERE person_id = ANY (people) ORDER BY person_id
        ON CONFLICT DO NOTHING RETURNING person_id
    )
    SELECT coalesce(array_agg(person_id), '{}') INTO added FROM written;
    IF cardinality(added) < cardinality(people) THEN
        -- Whoever writes the same people meanwhile is waited for, and what they wrote is read then.
        PERFORM FROM cohorts_findable WHERE person_id = ANY (people) AND person_id <> ALL (added)
        ORDER BY person_id FOR UPDATE;
        UPDATE cohorts_findable held
        SET words = now.words, born = now.born, postcodes = now.postcodes, nhs_number = now.nhs_number
        FROM cohorts_to_find now
        WHERE held.person_id = now.person_id AND now.person_id = ANY (people) AND now.person_id <> ALL (added)
          AND ROW(held.words, held.born, held.postcodes, held.nhs_number)
              IS DISTINCT FROM ROW(now.words, now.born, now.postcodes, now.nhs_number);
    END IF;
    INSERT INTO cohorts_nameword
    SELECT word, cohorts_deletions(word) FROM (
        SELECT DISTINCT word FROM cohorts_findable, unnest(words) AS word
        WHERE person_id = ANY (people) AND word <> ''
    ) AS words
    WHERE NOT EXISTS (SELECT FROM cohorts_nameword held WHERE held.word = words.word)
    ORDER BY word
    ON CONFLICT DO NOTHING;
END $$;

CREATE FUNCTION cohorts_take_in_some() RETURNS boolean LANGUAGE plpgsql AS $$
-- Take in the oldest range; whether there was one.
DECLARE
    range cohorts_unfound;
BEGIN
    DELETE FROM cohorts_unfound WHERE id = (
        SELECT id FROM cohorts_unfound ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
    ) RETURNING * INTO range;
    IF range.id IS NULL THEN
        RETURN false;
    END IF;
    PERFORM cohorts_take_in(ARRAY(
        SELECT id FROM cohorts_person WHERE id BETWEEN range.first AND range.last ORDER BY id
    ));
    RETURN true;
END $$;

CREATE FUNCTION cohorts_forget_words() RETURNS bigint LANGUAGE plpgsql AS $$
-- Away with the words of names that nobody has any more; how many.
DECLARE
    forgotten bigint;
BEGIN
    -- Whoever adds one meanwhile waits, and finds it gone and adds it.
    LOCK TABLE cohorts_nameword IN SHARE ROW EXCLUSIVE MODE;
    DELETE FROM cohorts_nameword
    WHERE word NOT IN (SELECT word FROM cohorts_findable, unnest(words) AS word);
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    RETURN forgotten;
END $$;

CREATE FUNCTION cohorts_written() RETURNS trigger LANGUAGE plpgsql AS $$
-- Take in the people that a statement wrote, or note their ranges.
DECLARE
    who text := CASE WHEN TG_TABLE_NAME = 'cohorts_address' THEN 'person_id' ELSE 'id' END;
    source text := format('SELECT %I AS id FROM written', who);
    many bigint;
    people bigint[];
BEGIN
    IF TG_OP = 'UPDATE' AND who = 'id' THEN
        source := 'SELECT id FROM written JOIN was USING (id) WHERE'
            ' ROW(written.given_name, written.middle_names, written.family_name, written.previous_family_names,'
            ' written.date_of_birth, written.nhs_number) IS DISTINCT FROM'
            ' ROW(was.given_name, was.middle_names, was.family_name, was.previous_family_names,'
            ' was.date_of_birth, was.nhs_number)';
    ELSIF TG_OP = 'UPDATE' THEN
        source := source || ' UNION ALL SELECT person_id FROM was';
    END IF;
    EXECUTE format('SELECT count(*) FROM (%s) AS people', source) INTO many;
    IF many > FEW THEN
        -- A range that is being taken in is waited for: it may not have seen what is written here.
        PERFORM FROM cohorts_unfound FOR SHARE;
        EXECUTE format(
            'INSERT INTO cohorts_unfound (first, last) SELECT first, last FROM ('
            'SELECT min(id) AS first, max(id) AS last FROM (%s) AS people GROUP BY id / FEW) AS ranges'
            ' WHERE NOT EXISTS (SELECT FROM cohorts_unfound held'
            ' WHERE held.first <= ranges.first AND held.last >= ranges.last)',
            source
        );
    ELSIF many > 0 THEN
        EXECUTE format('SELECT array_agg(DISTINCT id ORDER BY id) FROM (%s) AS people', source) INTO people;
        PERFORM cohorts_take_in(people);
    END IF;
    RETURN NULL;
END $$;
""".replace("FEW", str(FEW))

TRIGGERS = "".join(
    f"CREATE TRIGGER to_find_{act.lower()} AFTER {act} ON cohorts_{table} REFERENCING {seen}"
    " FOR EACH STATEMENT EXECUTE FUNCTION cohorts_written();\n"
    for table, act, seen in (
        ("person", "INSERT", "NEW TABLE AS written"),
        ("person", "UPDATE", "NEW TABLE AS written OLD TABLE AS was"),
        ("address", "INSERT", "NEW TABLE AS written"),
        ("address", "UPDATE", "NEW TABLE AS written OLD TABLE AS was"),
        ("address", "DELETE", "OLD TABLE AS written"),
    )
)

# Whoever was on file before this migration is taken in by the workers.
HELD = f"""
INSERT INTO cohorts_unfound (first, last) SELECT min(id), max(id) FROM cohorts_person GROUP BY id / {FEW};
"""


class Migration(migrations.Migration):
    dependencies = [("cohorts", "0004_references")]
    operations = [
        migrations.RunSQL(EXTENSIONS, migrations.RunSQL.noop),
        migrations.RunSQL(WORDS),
        migrations.RunSQL(TABLES),
        migrations.RunSQL(TAKE_IN),
        migrations.RunSQL(TRIGGERS),
        migrations.RunSQL(HELD),
    ]

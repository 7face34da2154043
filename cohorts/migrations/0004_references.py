"""Every record that is named is there: held a statement at a time (docs/decisions/0009).

A foreign key of PostgreSQL asks row by row, which takes a third of the time of loading two million records. These
triggers ask once for all rows of a statement, and refuse what a foreign key refuses, at the end of the statement:

    naming a record that is not there     cohorts_names_records
    deleting a record that is named       cohorts_is_named (whoever names one meanwhile waits, and is refused then)
    giving a record another id            refuse_change

They see what others committed while they waited under READ COMMITTED alone: these tables are written in no other way.
"""

from django.db import migrations

FUNCTIONS = """
CREATE FUNCTION cohorts_read_committed() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE feature_not_supported USING MESSAGE = 'Records are written in READ COMMITTED transactions alone.';
    END IF;
END $$;

CREATE FUNCTION cohorts_names_records() RETURNS trigger LANGUAGE plpgsql AS $$
-- The arguments are pairs: a column, and the table whose records it names.
DECLARE
    missing bigint;
BEGIN
    PERFORM cohorts_read_committed();
    FOR pair IN 0 .. TG_NARGS / 2 - 1 LOOP
        EXECUTE format(
            'SELECT count(*) FROM written WHERE %1$I IS NOT NULL'
            ' AND NOT EXISTS (SELECT FROM %2$I named WHERE named.id = written.%1$I)',
            TG_ARGV[2 * pair], TG_ARGV[2 * pair + 1]
        ) INTO missing;
        IF missing > 0 THEN
            RAISE foreign_key_violation USING
                MESSAGE = format('%s.%s names a row that is not in %s.', TG_TABLE_NAME, TG_ARGV[2 * pair], TG_ARGV[2 * pair + 1]),
                TABLE = TG_TABLE_NAME, COLUMN = TG_ARGV[2 * pair];
        END IF;
    END LOOP;
    RETURN NULL;
END $$;

CREATE FUNCTION cohorts_is_named() RETURNS trigger LANGUAGE plpgsql AS $$
-- The arguments are pairs: a table, and its column that names records of this one.
DECLARE
    naming bigint;
BEGIN
    PERFORM cohorts_read_committed();
    FOR pair IN 0 .. TG_NARGS / 2 - 1 LOOP
        EXECUTE format('LOCK TABLE %I IN SHARE MODE', TG_ARGV[2 * pair]);
        EXECUTE format(
            'SELECT count(*) FROM gone JOIN %I naming ON naming.%I = gone.id', TG_ARGV[2 * pair], TG_ARGV[2 * pair + 1]
        ) INTO naming;
        IF naming > 0 THEN
            RAISE foreign_key_violation USING
                MESSAGE = format('A row of %s is named in %s.%s.', TG_TABLE_NAME, TG_ARGV[2 * pair], TG_ARGV[2 * pair + 1]),
                TABLE = TG_TABLE_NAME;
        END IF;
    END LOOP;
    RETURN NULL;
END $$;
"""

NAMES = {
    "person": {"merged_into_id": "person"},
    "membership": {"family_id": "family", "person_id": "person"},
    "address": {"person_id": "person"},
    "evidence": {"family_id": "family", "person_id": "person"},
    "engagement": {"family_id": "family"},
    "notice": {"version_id": "noticeversion", "family_id": "family", "person_id": "person"},
    "consent": {"person_id": "person", "version_id": "noticeversion"},
    "objection": {"person_id": "person", "family_id": "family"},
    "protection": {"person_id": "person"},
}


def _names(table: str) -> str:
    pairs = ", ".join(f"'{column}', 'cohorts_{named}'" for column, named in NAMES[table].items())
    return "".join(
        f"CREATE TRIGGER names_records_{act.lower()} AFTER {act} ON cohorts_{table}"
        f" REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION cohorts_names_records({pairs});\n"
        for act in ("INSERT", "UPDATE")
    )


def _is_named(table: str) -> str:
    pairs = ", ".join(
        f"'cohorts_{naming}', '{column}'"
        for naming, columns in NAMES.items()
        for column, named in columns.items()
        if named == table
    )
    return (
        f"CREATE TRIGGER is_named AFTER DELETE ON cohorts_{table}"
        f" REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION cohorts_is_named({pairs});\n"
        f"CREATE TRIGGER id_stays BEFORE UPDATE OF id ON cohorts_{table}"
        " FOR EACH ROW WHEN (OLD.id <> NEW.id) EXECUTE FUNCTION refuse_change('The id of a record');\n"
    )


class Migration(migrations.Migration):
    dependencies = [("cohorts", "0003_survivor")]
    operations = [
        migrations.RunSQL(FUNCTIONS),
        *(migrations.RunSQL(_names(table)) for table in NAMES),
        *(migrations.RunSQL(_is_named(table)) for table in ("family", "person", "noticeversion")),
    ]

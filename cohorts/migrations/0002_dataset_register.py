"""The register of departments and datasets as it stands when the program is first installed (spec/data.md)."""

import datetime as dt

from django.db import migrations

REGISTER = [
    ("PNC", "Police National Computer", "MoJ", "names + DOB + postcode; names + DOB"),
    ("PRI", "Prisons database", "MoJ", "names + DOB + postcode; names + DOB"),
    ("NPD", "National Pupil Database", "DfE", "UPN; names + DOB + sex + postcode (aged 4-25)"),
    ("ILR", "Individualised Learner Record", "DfE", "ULN; names + DOB + sex + postcode (aged 14+)"),
    ("WPLS", "Work and Pensions Longitudinal Study", "DWP", "NINO + DOB; names + DOB + sex + postcode (aged 16+)"),
    ("HES", "Hospital Episode Statistics", "NHS England (was HSCIC)", "NHS number + DOB + sex; DOB + sex + postcode"),
    ("MHSDS", "Mental Health Services Data Set (was MHMDS)", "NHS England", "NHS number + DOB; DOB + sex + postcode"),
    ("IAPT", "Talking Therapies (was IAPT)", "NHS England", "NHS number + DOB; DOB + sex + postcode (aged 16+)"),
    ("MCDS", "Maternity and Children's Data Set", "NHS England", "NHS number + DOB; DOB + sex + postcode"),
    ("NDTMS", "National Drug Treatment Monitoring System", "OHID (was PHE)", "initials + DOB + sex + outward postcode"),
    # No key is known: it stays out of rounds until an agreement defines one.
    ("CMD", "Crime Mapping Database", "NCA", ""),
]


def enter(apps, schema_editor):
    Dataset = apps.get_model("cohorts", "Dataset")
    Dataset.objects.bulk_create(
        Dataset(code=code, name=name, owner=owner, keys=keys, enabled=bool(keys), in_register_from=dt.date(2015, 1, 1))
        for code, name, owner, keys in REGISTER
    )


class Migration(migrations.Migration):
    dependencies = [("cohorts", "0001_initial")]
    operations = [migrations.RunPython(enter, migrations.RunPython.noop)]

"""The oracle is held to the page itself: cases small enough to be decided by hand from spec/rules.md."""

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection

from cohorts import models
from cohorts.models import Consent, Evidence, Family, Membership, Notice, NoticeVersion, Objection, Person
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.trail import duty
from tests.oracle import oracle
from tests.oracle.families import WIDE
from tests.oracle.oracle import Asked, Framework

pytestmark = pytest.mark.django_db

CUT_OFF = dt.date(2026, 9, 30)
LONG_AGO = dt.date(2026, 1, 1)
DAY = dt.timedelta(days=1)
RUN = dt.datetime(2026, 11, 15, 12, tzinfo=dt.UTC)
EARLIER = RUN - 90 * DAY
ASKED = Asked(cut_off=CUT_OFF, run_at=RUN, datasets=("PNC", "NPD", "HES"), recipients=("ONS",))
HEADER = "family_ref,person_ref,decision,reasons,group,programme_start,programme_end,linkage_scope"
IN = "included,,COMPARISON,,,PNC;NPD;HES"


@pytest.fixture(autouse=True)
def recorded() -> None:
    """The database asks for an entry of what is written beside the stages, too."""
    with trail.act():
        trail.record(Event.FILE_LOADED, who=duty("test"), at=RUN)


def add(model: Any, **values: Any) -> Any:
    """One row, as a bulk file leaves it (written as the loader writes: beside the trail's own capture)."""
    return model.objects.bulk_create([model(**values)])[0]


def person(ref: str, **values: Any) -> Person:
    """Someone with all that ONS needs, born in 1985."""
    usual: dict[str, Any] = {
        "given_name": "Ada",
        "family_name": "Lee",
        "date_of_birth": dt.date(1985, 5, 5),
        "sex": "2",
    }
    someone: Person = add(Person, reference=ref, **(usual | values))
    add(models.Address, person=someone, line_1="1 High Road", line_2="Anytown", from_on=LONG_AGO)
    return someone


def join(family: Family, member: Person, **values: Any) -> Membership:
    """A membership since long ago, in the household."""
    usual: dict[str, Any] = {"joined_on": LONG_AGO, "lives_in_household": True}
    return add(Membership, family=family, person=member, **(usual | values))  # type: ignore[no-any-return]


def see(family: Family, indicator: str, on: dt.date = CUT_OFF - 100 * DAY, **values: Any) -> None:
    add(
        Evidence, reference=f"E{Evidence.objects.count()}", family=family, indicator=indicator, observed_on=on, **values
    )


def tell(version: NoticeVersion, on: dt.date, **to: Any) -> None:
    add(Notice, reference=f"N{Notice.objects.count()}", version=version, issued_on=on, **to)


def object_(at: dt.datetime = RUN, **values: Any) -> Objection:
    return add(Objection, reference=f"O{Objection.objects.count()}", received_at=at, **values)  # type: ignore[no-any-return]


def publish(version: str, basis: str, on: dt.date = dt.date(2024, 1, 1), **values: Any) -> NoticeVersion:
    return add(NoticeVersion, version=version, basis=basis, published_on=on, recipients=["ONS"], **values)  # type: ignore[no-any-return]


@pytest.fixture
def family() -> Family:
    """F1: an adult P1 and a child P2 of nine, flagged, told in time, two headline problems: both are included."""
    someone: Family = add(Family, reference="F1", flagged_on=LONG_AGO)
    join(someone, person("P1"))
    join(someone, person("P2", date_of_birth=dt.date(2017, 4, 4)))
    tell(publish("PN1", "PUBLIC_TASK"), CUT_OFF - 28 * DAY, family=someone)
    see(someone, "TF4.1")
    see(someone, "TF6.1")
    return someone


def adult() -> Person:
    return Person.objects.get(reference="P1")


def child() -> Person:
    return Person.objects.get(reference="P2")


def change(one: Person, **values: Any) -> None:
    Person.objects.filter(pk=one.pk).update(**values)


def decided(asked: Asked = ASKED) -> dict[str, str]:
    """What follows the two references in each line of the decisions file."""
    header, *lines = oracle.decisions(connection, asked).decode().splitlines()
    assert header == HEADER
    return {",".join(line.split(",")[:2]): line.split(",", 2)[2] for line in lines}


def out(*reasons: str) -> str:
    return f"excluded,{';'.join(reasons)},,,,"


def test_a_family_without_a_flaw_is_included(family: Family) -> None:
    assert oracle.decisions(connection, ASKED) == f"{HEADER}\nF1,P1,{IN}\nF1,P2,{IN}\n".encode()


def test_every_reason_at_once_in_the_order_of_precedence(family: Family) -> None:
    change(adult(), date_of_birth=CUT_OFF + DAY, date_of_death=CUT_OFF, sex="")
    for kind in ("adoption", "refuge"):
        add(models.Protection, person=adult(), kind=kind, from_on=LONG_AGO)
    object_(person=adult())
    object_(family=family)
    object_(person=adult(), datasets=["HES", "PNC", "NPD"])
    tell(publish("PN2", "CONSENT"), CUT_OFF, person=adult())
    Notice.objects.filter(family=family).update(issued_on=CUT_OFF - 27 * DAY)
    Membership.objects.filter(person=child()).update(lives_in_household=False)
    Evidence.objects.filter(indicator="TF6.1").update(in_error_at=RUN)
    assert decided()["F1,P1"] == out(
        "PROTECTED_IDENTITY", "PROTECTED_ADDRESS", "OBJECTION_PERSON", "OBJECTION_FAMILY", "OBJECTION_SCOPE",
        "CONSENT_MISSING", "NOTICE_MISSING", "DECEASED", "NOT_YET_BORN", "IDENTITY_INCOMPLETE", "NO_DEPENDENT_CHILD",
        "TOO_FEW_PROBLEMS",
    )  # fmt: skip
    assert decided()["F1,P2"] == out("OBJECTION_FAMILY", "NOTICE_MISSING", "NO_DEPENDENT_CHILD", "TOO_FEW_PROBLEMS")


def test_candidates_stand_on_the_cut_off(family: Family) -> None:
    join(family, person("left"), left_on=CUT_OFF)
    join(family, person("leaves"), left_on=CUT_OFF + DAY)
    join(family, person("came"), joined_on=CUT_OFF)
    join(family, person("comes"), joined_on=CUT_OFF + DAY)
    lifted = add(Family, reference="F2", flagged_on=LONG_AGO, lifted_on=CUT_OFF)
    join(lifted, adult())
    assert list(decided()) == ["F1,P1", "F1,P2", "F1,came", "F1,leaves"]


def test_references_are_ordered_by_code_point_and_quoted_where_they_must_be(family: Family) -> None:
    for ref in ("p3", "É", "P10", 'P,"2"', "\uff17", "\U0001d49c"):
        join(family, person(ref))
    lines = oracle.decisions(connection, ASKED).decode().splitlines()
    assert [line.removesuffix(f",{IN}") for line in lines[1:]] == [
        'F1,"P,""2"""', "F1,P1", "F1,P10", "F1,P2", "F1,p3", "F1,É", "F1,\uff17", "F1,\U0001d49c",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("cut_off", "born", "in_education", "dependent"),
    [
        (CUT_OFF, dt.date(2010, 10, 1), "", True),  # sixteen tomorrow
        (CUT_OFF, dt.date(2010, 9, 30), "neither", False),  # sixteen today
        (CUT_OFF, dt.date(2010, 9, 30), "unemployed", True),
        (CUT_OFF, dt.date(2007, 10, 1), "education", True),  # nineteen tomorrow
        (CUT_OFF, dt.date(2007, 9, 30), "education", False),  # nineteen today
        (dt.date(2023, 2, 28), dt.date(2004, 2, 29), "education", True),  # nineteen tomorrow, on 1 March
        (dt.date(2023, 3, 1), dt.date(2004, 2, 29), "education", False),
        (CUT_OFF, CUT_OFF, "", True),  # born today
    ],
)
def test_a_dependent_child(
    family: Family, cut_off: dt.date, born: dt.date, in_education: str, *, dependent: bool
) -> None:
    change(child(), date_of_birth=born, in_education=in_education)
    Family.objects.update(flagged_on=dt.date(2020, 1, 1))
    Membership.objects.update(joined_on=dt.date(2020, 1, 1))
    reasons = decided(replace(ASKED, cut_off=cut_off))["F1,P2"].split(",")[1].split(";")
    assert ("NO_DEPENDENT_CHILD" not in reasons) is dependent


def test_a_child_who_is_out_makes_the_family_no_less_a_family_with_a_child(family: Family) -> None:
    change(child(), given_name=" BABY ".translate(WIDE))
    assert decided() == {"F1,P1": IN, "F1,P2": out("IDENTITY_INCOMPLETE")}


@pytest.mark.parametrize(
    ("cut_off", "observed_on", "counts"),
    [
        (CUT_OFF, dt.date(2025, 9, 30), False),
        (CUT_OFF, dt.date(2025, 10, 1), True),
        (CUT_OFF, CUT_OFF, True),
        (CUT_OFF, CUT_OFF + DAY, False),
        (dt.date(2024, 2, 29), dt.date(2023, 2, 28), False),  # clipped
        (dt.date(2024, 2, 29), dt.date(2023, 3, 1), True),
    ],
)
def test_a_look_back_of_twelve_months(family: Family, cut_off: dt.date, observed_on: dt.date, *, counts: bool) -> None:
    Evidence.objects.filter(indicator="TF6.1").update(indicator="TF5.2", observed_on=observed_on)
    Evidence.objects.filter(indicator="TF4.1").update(observed_on=dt.date(2001, 1, 1))
    Family.objects.update(flagged_on=dt.date(2020, 1, 1))
    Membership.objects.update(joined_on=dt.date(2020, 1, 1))
    reasons = decided(replace(ASKED, cut_off=cut_off))["F1,P1"]
    assert ("TOO_FEW_PROBLEMS" not in reasons) is counts


def test_parents_elsewhere_add_one_problem_at_most(family: Family) -> None:
    parent = person("P3")
    join(family, parent, lives_in_household=False)
    Evidence.objects.update(person=parent)  # TF4 and TF6, both of someone who lives elsewhere: one
    assert decided()["F1,P1"] == out("TOO_FEW_PROBLEMS")
    see(family, "TF4.2")  # the family's own: it is TF4 again, and TF6 is what the parent adds
    assert decided()["F1,P1"] == IN


def test_evidence_about_somebody_who_objects_counts_for_nobody(family: Family) -> None:
    Evidence.objects.filter(indicator="TF6.1").update(person=child())
    assert decided()["F1,P1"] == IN
    object_(person=child())
    assert decided() == {"F1,P1": out("TOO_FEW_PROBLEMS"), "F1,P2": out("OBJECTION_PERSON", "TOO_FEW_PROBLEMS")}


def test_needs_are_counted_where_the_framework_counts_needs(family: Family) -> None:
    indicators = (("SF01.1", "SF01", None), ("SF01.2", "SF01", None), ("SF02.1", "SF02", 1))
    needs = Framework(minimum=2, unit="indicator", indicators=indicators)
    see(family, "SF01.1")
    see(family, "SF01.2")
    assert decided(replace(ASKED, framework=needs))["F1,P1"] == IN
    assert decided(replace(ASKED, framework=replace(needs, unit="headline")))["F1,P1"] == out("TOO_FEW_PROBLEMS")


def test_a_merged_record_counts_as_the_end_of_its_chain(family: Family) -> None:
    middle = person("P8", merged_into=adult())
    first = person("P9", merged_into=middle, sex="", date_of_death=LONG_AGO)
    join(add(Family, reference="F2"), first)
    add(Consent, reference="C1", person=first, version=publish("PN2", "CONSENT"), given_on=LONG_AGO)
    tell(NoticeVersion.objects.get(version="PN2"), CUT_OFF, person=middle)
    assert decided() == {"F1,P1": IN, "F1,P2": IN}
    object_(family=Family.objects.get(reference="F2"))  # not flagged, but it covers its members elsewhere too
    assert decided() == {"F1,P1": out("OBJECTION_FAMILY"), "F1,P2": IN}


def test_a_family_objection_covers_the_named_once_it_is_narrowed(family: Family) -> None:
    objection = object_(family=family)
    objection.narrowed_to.through.objects.bulk_create(
        [objection.narrowed_to.through(objection=objection, person=child())]
    )
    assert decided() == {"F1,P1": IN, "F1,P2": out("OBJECTION_FAMILY")}


def test_an_objection_stands_from_the_moment_it_comes_to_the_moment_it_is_lifted(family: Family) -> None:
    tick = dt.timedelta(microseconds=1)
    object_(RUN + tick, person=adult())
    object_(EARLIER, person=adult(), lifted_at=RUN)
    object_(EARLIER, person=adult(), refused_at=RUN, refusal_reason="x", refusal_reference="y", told_on=LONG_AGO)
    assert decided()["F1,P1"] == IN
    assert decided(replace(ASKED, run_at=RUN - tick))["F1,P1"] == out("OBJECTION_PERSON")
    assert decided(replace(ASKED, run_at=RUN + tick))["F1,P1"] == out("OBJECTION_PERSON")


def test_an_objection_to_some_datasets_takes_those_away(family: Family) -> None:
    object_(person=adult(), datasets=["NPD", "WPLS"])
    object_(person=child(), datasets=["WPLS"])
    assert decided() == {"F1,P1": "included,,COMPARISON,,,PNC;HES", "F1,P2": IN}
    assert decided(replace(ASKED, scope="all-or-nothing")) == {"F1,P1": out("OBJECTION_SCOPE"), "F1,P2": IN}
    object_(family=family, datasets=["PNC", "HES"])
    assert decided() == {"F1,P1": out("OBJECTION_SCOPE"), "F1,P2": "included,,COMPARISON,,,NPD"}


def test_consent_to_some_datasets_adds_up(family: Family) -> None:
    asking = publish("PN2", "CONSENT", dt.date(2025, 1, 1))
    later = publish("PN3", "PUBLIC_TASK", dt.date(2025, 1, 2))
    earlier = publish("PN0", "CONSENT", dt.date(2025, 1, 1))  # not later: the same day, another version
    tell(asking, CUT_OFF, person=adult())
    common: dict[str, Any] = {"person": adult(), "given_on": RUN.date()}
    add(Consent, reference="C1", version=earlier, **common)
    add(Consent, reference="C2", version=asking, purpose="service", **common)
    add(Consent, reference="C3", version=asking, withdrawn_at=RUN, **common)
    assert decided()["F1,P1"] == out("CONSENT_MISSING")
    add(Consent, reference="C4", version=asking, datasets=["NPD"], **common)
    add(Consent, reference="C5", version=later, datasets=["PNC", "WPLS"], **common)
    assert decided()["F1,P1"] == "included,,COMPARISON,,,PNC;NPD"
    assert decided(replace(ASKED, scope="all-or-nothing"))["F1,P1"] == out("OBJECTION_SCOPE")


def test_of_two_notices_on_one_day_the_later_entered_is_the_latest(family: Family) -> None:
    asking, telling = publish("PN2", "CONSENT"), NoticeVersion.objects.get(version="PN1")
    tell(telling, CUT_OFF, person=adult())
    tell(asking, CUT_OFF, family=family)
    tell(asking, CUT_OFF, person=child())
    tell(telling, CUT_OFF, person=child())
    assert decided() == {"F1,P1": out("CONSENT_MISSING"), "F1,P2": IN}


def test_a_notice_to_a_family_reaches_who_was_a_member_that_day(family: Family) -> None:
    join(family, person("P3"), joined_on=CUT_OFF - 28 * DAY)
    join(family, person("P4"), joined_on=CUT_OFF - 27 * DAY)
    assert decided()["F1,P3"] == IN
    assert decided()["F1,P4"] == out("NOTICE_MISSING")


@pytest.mark.parametrize(
    ("datasets", "recipients", "covers"),
    [
        (["HES", "NPD", "PNC", "PRI"], ["DLUHC", "ONS"], True),
        ([], ["ONS"], True),
        (["HES", "NPD"], ["ONS"], False),
        ([], ["DLUHC"], False),
        ([], [], False),
    ],
)
def test_a_notice_covers_every_dataset_and_recipient(
    family: Family, datasets: list[str], recipients: list[str], *, covers: bool
) -> None:
    # What was told stays as it is: they were told something else.
    told = publish("PN9", "PUBLIC_TASK")
    NoticeVersion.objects.filter(pk=told.pk).update(datasets=datasets, recipients=recipients)
    models.Notice.objects.update(version=told)
    assert decided()["F1,P1"] == (IN if covers else out("NOTICE_MISSING"))


def test_the_day_of_the_run_is_london_s(family: Family) -> None:
    before_midnight = replace(
        ASKED, cut_off=dt.date(2026, 6, 30), run_at=dt.datetime(2026, 6, 30, 22, 30, tzinfo=dt.UTC)
    )
    after_midnight = replace(before_midnight, run_at=dt.datetime(2026, 6, 30, 23, 30, tzinfo=dt.UTC))
    tell(NoticeVersion.objects.get(version="PN1"), LONG_AGO, family=family)
    add(models.Protection, person=adult(), kind="refuge", from_on=dt.date(2026, 7, 1))
    add(models.Protection, person=child(), kind="refuge", from_on=LONG_AGO, to_on=dt.date(2026, 7, 1))
    Evidence.objects.update(observed_on=LONG_AGO)
    assert decided(before_midnight) == {"F1,P1": IN, "F1,P2": out("PROTECTED_ADDRESS")}
    assert decided(after_midnight) == {"F1,P1": out("PROTECTED_ADDRESS"), "F1,P2": IN}


@pytest.mark.parametrize(
    ("flaw", "complete"),
    [
        ({"given_name": "'-"}, False),
        ({"family_name": ""}, False),
        ({"given_name": "Not\u00a0  KNOWN"}, False),
        ({"family_name": "N/K".translate(WIDE)}, False),
        ({"given_name": "Unknown Baby"}, True),
        ({"given_name": "王"}, True),
        ({"date_of_birth": None}, False),
        ({"date_of_birth": dt.date(1894, 12, 31)}, False),
        ({"date_of_birth": dt.date(1895, 1, 1)}, True),
        ({"date_of_death": dt.date(2027, 1, 1), "date_of_birth": dt.date(2027, 1, 2)}, False),
        ({"sex": ""}, False),
        ({"sex": "0"}, True),
    ],
)
def test_what_ons_needs_of_a_person(family: Family, flaw: dict[str, Any], *, complete: bool) -> None:
    change(adult(), **flaw)
    assert ("IDENTITY_INCOMPLETE" not in decided()["F1,P1"]) is complete


def test_the_address_that_stood_is_the_latest_then_the_last_loaded(family: Family) -> None:
    add(models.Address, person=adult(), line_1="2 Low Road", line_2=" ", from_on=LONG_AGO, ordinal=2)
    add(models.Address, person=child(), line_1="2 Low Road", from_on=CUT_OFF, to_on=CUT_OFF)
    add(models.Address, person=child(), line_1="2 Low Road", from_on=CUT_OFF + DAY)
    assert decided() == {"F1,P1": out("IDENTITY_INCOMPLETE"), "F1,P2": IN}
    add(models.Address, person=adult(), line_4="3 Broad Way", line_5="Anytown", from_on=LONG_AGO + DAY)
    assert decided()["F1,P1"] == IN


@pytest.mark.parametrize(
    ("engagements", "expected"),
    [
        ([(CUT_OFF + DAY, None)], "COMPARISON,,"),
        ([(CUT_OFF, None)], "PROGRAMME,2026-09-30,"),
        ([(LONG_AGO, LONG_AGO + DAY), (CUT_OFF - 9 * DAY, CUT_OFF)], "PROGRAMME,2026-01-01,2026-09-30"),
        ([(LONG_AGO, CUT_OFF + DAY), (CUT_OFF - 9 * DAY, CUT_OFF)], "PROGRAMME,2026-01-01,"),
        ([(LONG_AGO, CUT_OFF - DAY), (CUT_OFF - 9 * DAY, CUT_OFF - 5 * DAY)], "PROGRAMME,2026-01-01,2026-09-25"),
        ([(LONG_AGO, LONG_AGO + 9 * DAY), (LONG_AGO, LONG_AGO + DAY)], "PROGRAMME,2026-01-01,2026-01-10"),
    ],
)
def test_the_programme(family: Family, engagements: list[tuple[dt.date, dt.date | None]], expected: str) -> None:
    for ordinal, (started, ended) in enumerate(engagements, 1):
        add(models.Engagement, family=family, started_on=started, ended_on=ended, ordinal=ordinal)
    assert decided()["F1,P1"] == f"included,,{expected},PNC;NPD;HES"


def test_what_is_inserted_is_what_is_decided(family: Family) -> None:
    object_(person=child())
    add(models.Engagement, family=family, started_on=LONG_AGO, ended_on=CUT_OFF)
    assert oracle.insert(connection, 7, ASKED)[0] == 2
    rows = models.Decision._base_manager.filter(cohort_id=7).order_by("person_ref")
    assert [(row.person_ref, row.included, row.reasons, row.group, row.linkage_scope) for row in rows] == [
        ("P1", True, "", "PROGRAMME", "PNC;NPD;HES"),
        ("P2", False, "OBJECTION_PERSON", "", ""),
    ]
    assert [(row.programme_start, row.programme_end) for row in rows] == [(LONG_AGO, CUT_OFF), (None, None)]
    assert {row.family_id for row in rows} == {family.pk}
    assert len({row.facts_digest for row in rows}) == 1
    assert decided() == {
        "F1,P1": "included,,PROGRAMME,2026-01-01,2026-09-30,PNC;NPD;HES",
        "F1,P2": out("OBJECTION_PERSON"),
    }

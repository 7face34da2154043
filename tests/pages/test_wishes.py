"""The pages on what a family was told, agreed to and objects to, and the objection desk."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client

from cohorts import objections, people
from cohorts.models import Consent, Notice, Objection, Protection
from connecting_families.audit.models import Entry
from connecting_families.audit.trail import duty
from connecting_families.staff import accounts
from tests.pages.conftest import Clock, SignedIn
from tests.stages.asked import family_of, out, person_of, version_of
from tests.stages.conftest import WalkTo
from tests.stages.walk import LINE, PASSWORD, RUN, Walk

F1 = "/families/F1/"
RECEIVED = {"received_at_day": "1", "received_at_month": "11", "received_at_year": "2026", "received_at_time": ""}
OBJECTION = {"made_by": "parent", "channel": "phone", "covers": "all", **RECEIVED}


@pytest.fixture
def walk(walk_to: WalkTo, at_the_walks_time: Clock) -> Walk:
    walk = walk_to("assemble")
    at_the_walks_time(walk)
    return walk


def said(answer: Any) -> str:
    return " ".join(answer.content.decode().replace("&#x27;", "'").split())


def drawn(page: Any) -> str:
    """The reference that travels with a form."""
    return str(page.context["drawn"])


def record(client: Client, path: str = f"{F1}objections/record/", **asked: Any) -> Any:
    """Fill in the form, check the answers, confirm; the last answer."""
    given = OBJECTION | asked
    check = client.post(path, given)
    assert "Check the answers" in said(check), said(check)
    return client.post(path, given | {"drawn": drawn(check), "confirmed": "1"}, follow=True)


# Who may --------------------------------------------------------------------------------------------------------


def test_another_teams_family_is_refused_and_that_is_recorded(walk: Walk, signed_in: SignedIn) -> None:
    walk.change("families", "family_ref", "F1", team="South")
    client = signed_in("worker")
    for page in ("notices/", "consents/", "objections/", "protections/", "letter/P1/1/", "objections/record/"):
        answer = client.get(F1 + page)
        assert (answer.status_code, answer.headers["Location"]) == (302, f"{F1}open/")
    answer = client.post(f"{F1}objections/record/", OBJECTION)
    assert answer.status_code == 403
    assert "family of another team" in said(answer)
    entry = Entry.objects.filter(event="ACCESS_REFUSED").latest("pk")
    assert (entry.reference, entry.additional_data["reasons"]) == ("F1", ["OTHER_TEAM"])


def test_who_has_no_team_has_no_family(walk: Walk, signed_in: SignedIn) -> None:
    walk.change("families", "family_ref", "F1", team="")
    accounts.add(username="new", role="early_help_worker", password=PASSWORD, by=duty("test"), at=walk.now())
    client = signed_in("new")
    assert client.get(f"{F1}notices/")["Location"] == f"{F1}open/"
    assert "Everybody was told in time." in said(client.get("/notices-due/"))


def test_opening_a_page_of_a_family_is_recorded(walk: Walk, signed_in: SignedIn) -> None:
    signed_in("worker").get(f"{F1}objections/")
    entry = Entry.objects.latest("pk")
    assert (entry.event, entry.reference, entry.who) == ("WISHES_VIEWED", "F1", "worker")


# Notices --------------------------------------------------------------------------------------------------------


def test_a_notice_is_given_once_however_often_it_is_sent(walk: Walk, signed_in: SignedIn) -> None:
    client = signed_in("worker")
    path = f"{F1}notices/give/"
    page = client.get(path)
    given = {"person": "P1", "version": "PN1", "issued_on_day": "1", "issued_on_month": "11",
             "issued_on_year": "2026", "channel": "in_person", "issued_by": "worker", "drawn": drawn(page)}  # fmt: skip
    wrong = client.post(path, given | {"issued_on_year": "2027"})
    assert "cannot have been given in the future" in said(wrong)
    before = Notice.objects.count()
    for _ in range(3):
        assert client.post(path, given)["Location"] == f"{F1}notices/"
    assert Notice.objects.count() == before + 1
    assert "1 November 2026" in said(client.get(f"{F1}notices/"))


def test_a_letter_says_whom_it_is_for_and_is_recorded(walk: Walk, signed_in: SignedIn) -> None:
    client = signed_in("worker")
    number = version_of("PN1").pk
    letter = said(client.get(f"{F1}letter/P1/{number}/"))
    assert "Zebulonia Quillfeather" in letter
    assert LINE in letter
    for words in ("Office for National Statistics", "Department for Education: National Pupil Database",
                  "You can object", "connecting.families@anytown.example", "2 November 2026"):  # fmt: skip
        assert words in letter
    assert "(was " not in letter
    assert "Anytown City Council<br>" in letter
    entry = Entry.objects.latest("pk")
    assert (entry.event, entry.reference) == ("LETTER_OPENED", "P1")
    assert "To the parent or carer of Peregrine" in said(client.get(f"{F1}letter/P2/{number}/"))
    assert client.get(f"{F1}letter/P3/{number}/").status_code == 404
    asks = said(client.get(f"/families/F2/letter/P3/{version_of('PN2').pk}/"))
    assert "If you do not say yes" in asks


@pytest.mark.parametrize("kind", Protection.KINDS)
def test_a_protected_address_is_printed_on_no_letter(walk: Walk, signed_in: SignedIn, kind: str) -> None:
    at = walk.now()
    people.protect(person=person_of("P1"), kind=kind, from_on=at.date(), by=walk.who("worker"), at=at)
    client, number = signed_in("worker"), version_of("PN1").pk
    # P2 lives with P1, in another family too; and P5, who does not, has the same place on file.
    for family, person in (("F1", "P1"), ("F1", "P2"), ("F3", "P2")):
        letter = said(client.get(f"/families/{family}/letter/{person}/{number}/"))
        assert LINE not in letter
        assert "Hand this letter over" in letter


def test_a_letter_names_the_datasets_of_its_version_alone(walk: Walk, signed_in: SignedIn) -> None:
    walk.load({"notice_versions": [{"version": "PN8", "published_on": "2026-09-01", "basis": "PUBLIC_TASK",
                                    "datasets": "HES", "recipients": "ACME;ONS"}]})  # fmt: skip
    letter = said(signed_in("worker").get(f"{F1}letter/P1/{version_of('PN8').pk}/"))
    assert "NHS England: Hospital Episode Statistics" in letter
    assert "National Pupil Database" not in letter
    assert "ACME and the Office for National Statistics" in letter


def test_notices_due_are_those_of_the_own_team(walk: Walk, signed_in: SignedIn) -> None:
    walk.load({
        "families": [{"family_ref": ref, "team": team, "flagged_on": "2026-10-01"}
                     for ref, team in (("F8", "North"), ("F9", "South"))],
        "people": [{"person_ref": "Q8"}, {"person_ref": "Q9"}],
        "memberships": [{"family_ref": f"F{n}", "person_ref": f"Q{n}", "joined_on": "2026-10-01"} for n in (8, 9)],
    })  # fmt: skip
    accounts.add(username="manage", role="early_help_manager", password=PASSWORD, by=duty("test"), at=walk.now())
    own = said(signed_in("worker").get("/notices-due/"))
    assert "Q8" in own
    assert "Q9" not in own
    assert "30 November 2026, if they are told today" in own
    everyone = said(signed_in("manage").get("/notices-due/"))
    assert "Q8" in everyone
    assert "Q9" in everyone


# Consent --------------------------------------------------------------------------------------------------------


def test_a_consent_is_recorded_and_withdrawn(walk: Walk, signed_in: SignedIn) -> None:
    client = signed_in("worker")
    path = "/families/F2/consents/give/"
    given = {"person": "P3", "given_by": "self", "version": "PN2", "covers": "some", "given_on_day": "1",
             "given_on_month": "11", "given_on_year": "2026", "drawn": drawn(client.get(path))}  # fmt: skip
    assert "Tick at least one dataset" in said(client.post(path, given))
    for _ in range(2):
        client.post(path, given | {"datasets": ["NPD"]})
    row = Consent.objects.latest("pk")
    assert (Consent.objects.count(), row.datasets) == (2, ["NPD"])
    page = f"/families/F2/consents/{row.pk}/withdraw/"
    later = {"withdrawn_at_day": "1", "withdrawn_at_month": "1", "withdrawn_at_year": "2027"}
    assert "cannot be withdrawn in the future" in said(client.post(page, later))
    assert client.post(page, {"withdrawn_at_day": ""}).status_code == 302
    assert Consent.objects.get(pk=row.pk).withdrawn_at is not None
    assert client.get(f"{F1}consents/{row.pk}/withdraw/").status_code == 404


# Objections -----------------------------------------------------------------------------------------------------


def test_an_objection_needs_to_know_hardly_anything(walk: Walk, signed_in: SignedIn) -> None:
    client = signed_in("worker")
    bare = {"made_by": "", "channel": "", "covers": "some", **dict.fromkeys(RECEIVED, "")}
    done = record(client, person="family", **bare)
    row = Objection.objects.latest("pk")
    assert (row.family, row.datasets, row.made_by, row.channel) == (family_of("F1"), [], "", "")
    assert row.received_at <= walk.now()
    assert "stands from the moment it was received" in said(done)
    assert set(out(walk, "F1")) == {"P1", "P2"}


def test_a_day_without_a_time_is_the_start_of_the_day_in_london(walk: Walk, signed_in: SignedIn) -> None:
    summer = {"received_at_day": "5", "received_at_month": "7", "received_at_time": ""}
    record(signed_in("worker"), person="P1", **summer)
    assert Objection.objects.latest("pk").received_at.isoformat() == "2026-07-04T23:00:00+00:00"
    record(signed_in("worker"), person="P1", **summer | {"received_at_time": "14.30"})
    assert Objection.objects.latest("pk").received_at.isoformat() == "2026-07-05T13:30:00+00:00"


def test_pressing_twice_or_going_back_records_one_objection(walk: Walk, signed_in: SignedIn) -> None:
    client, path = signed_in("worker"), f"{F1}objections/record/"
    before = Objection.objects.count()
    check = client.post(path, OBJECTION | {"person": "P1"})
    given = OBJECTION | {"person": "P1", "drawn": drawn(check), "confirmed": "1"}
    first, second = client.post(path, given), client.post(path, given)
    assert first["Location"] == second["Location"]
    assert client.post(path, OBJECTION | {"person": "P1", "drawn": drawn(check)})["Location"] == first["Location"]
    assert Objection.objects.count() == before + 1


def test_two_presses_in_the_same_moment_record_one_objection(walk: Walk, signed_in: SignedIn) -> None:
    client, path = signed_in("worker"), f"{F1}objections/record/"
    check = client.post(path, OBJECTION | {"person": "P1"})
    given = OBJECTION | {"person": "P1", "drawn": drawn(check), "confirmed": "1"}
    own = drawn(check).split(":")[0]

    def press() -> Any:
        try:
            return client.post(path, given)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as other:
        with transaction.atomic():
            by, at = duty("test"), walk.now()
            objections.receive(reference=own, person=person_of("P1"), received_at=at, by=by, at=at)
            second = other.submit(press)
            until = time.monotonic() + 30
            while not _somebody_waits():
                assert time.monotonic() < until
                time.sleep(0.02)
        assert second.result(30).status_code == 302
    assert Objection.objects.filter(reference=own).count() == 1


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])


def test_a_forged_reference_is_not_taken(walk: Walk, signed_in: SignedIn) -> None:
    given = OBJECTION | {"person": "P1", "drawn": "OP6:forged", "confirmed": "1"}
    signed_in("worker").post(f"{F1}objections/record/", given)
    assert Objection.objects.latest("pk").reference != "OP6"


def test_mistakes_are_told_and_what_was_typed_stays(walk: Walk, signed_in: SignedIn) -> None:
    client, path = signed_in("worker"), f"{F1}objections/record/"
    before = Objection.objects.count()
    for more, words in (
        ({}, "Choose for whom, or that you cannot find the person"),
        ({"person": "P1", "received_at_day": "31"}, "Enter a real date and time"),
        ({"person": "P1", "received_at_year": "2027"}, "must have come by now"),
        ({"person": "P1", "received_at_month": ""}, "must include a month"),
        ({"person": "P3"}, "Choose an answer to “For whom?” from those on the page"),
    ):
        answer = client.post(path, OBJECTION | more)
        assert words in said(answer), said(answer)
        assert "<title>Error: " in said(answer)
        assert 'value="phone" id="id_channel_1" class="govuk-radios__input" checked' in said(answer)
    assert Objection.objects.count() == before
    back = client.post(path, OBJECTION | {"person": "P2", "change": "1"})
    assert "Check the answers" not in said(back)
    assert "<title>Error" not in said(back)


def test_somebody_who_is_not_found_is_recorded_and_nobody_reads_who_it_is(walk: Walk, signed_in: SignedIn) -> None:
    client = signed_in("worker")
    done = record(client, person="nobody", about="Wilhelmina from the bakery")
    row = Objection.objects.latest("pk")
    assert (row.person, row.family, row.about) == (None, None, "Wilhelmina from the bakery")
    assert "Wilhelmina" not in said(done)
    done = record(client, "/objections/record/", about="Wilhelmina again")
    assert Objection.objects.latest("pk").about == "Wilhelmina again"
    assert "looks for the person first" in said(done)


def test_early_help_is_told_nothing_of_what_was_sent(walk: Walk, signed_in: SignedIn) -> None:
    walk.through("draft", "explain", "put forward", "open sample", "approve", "ask to seal", "seal", "ask to deliver",
                 "deliver")  # fmt: skip
    client = signed_in("worker")
    # P1 was sent; P8 was not: the two confirmations are alike in every word but the reference.
    told = []
    for family, person in (("F1", "P1"), ("F5", "P8")):
        done = said(record(client, f"/families/{family}/objections/record/", person=person))
        row = Objection.objects.latest("pk")
        told.append(done.replace(row.reference, "O").replace(f"/families/{family}/", "/").replace(f"/{row.pk}/", "/"))
    # What the foot of a page says is when the sign-in ends, which passing time alone makes differ.
    first, second = (each.partition("<main")[2].partition("</main>")[0] for each in told)
    assert first == second != ""
    assert "cohort" not in told[0].lower()


def test_an_objection_is_lifted_by_whoever_asked(walk: Walk, signed_in: SignedIn) -> None:
    client = signed_in("worker")
    row = Objection.objects.get(reference="OP6")
    path = f"/families/F4/objections/{row.pk}/lift/"
    assert "Choose who asked to lift the objection" in said(client.post(path, {"asked_by": ""}))
    assert "a parent cannot lift it" in said(client.post(path, {"asked_by": "parent", "channel": "phone"}))
    answer = client.post(path, {"asked_by": "self", "channel": "phone"}, follow=True)
    assert "The objection is lifted" in said(answer)
    assert out(walk, "F4") == {}
    assert client.get(f"{F1}objections/{row.pk}/lift/").status_code == 404


# Protection -----------------------------------------------------------------------------------------------------


def test_a_worker_sets_a_mark_and_a_manager_alone_ends_it(walk: Walk, signed_in: SignedIn) -> None:
    accounts.add(username="manage", role="early_help_manager", password=PASSWORD, by=duty("test"), at=walk.now())
    worker = signed_in("worker")
    given = {"person": "P1", "kind": "refuge", "from_on_day": "1", "from_on_month": "11", "from_on_year": "2026"}
    later = worker.post(f"{F1}protections/set/", given | {"from_on_year": "2027"})
    assert "protects from today or from an earlier day" in said(later)
    worker.post(f"{F1}protections/set/", given)
    assert out(walk, "F1") == {"P1": "PROTECTED_ADDRESS"}
    assert "stands already" in said(worker.post(f"{F1}protections/set/", given))
    mark = Protection.objects.get()
    path = f"{F1}protections/{mark.pk}/end/"
    ends = {"last_day_day": "1", "last_day_month": "11", "last_day_year": "2026", "reason": "They moved."}
    assert worker.post(path, ends).status_code == 403
    assert path not in said(worker.get(f"{F1}protections/"))
    manager = signed_in("manage")
    assert path in said(manager.get(f"{F1}protections/"))
    assert manager.post(path, ends).status_code == 302
    assert out(walk, "F1") == {}


# The desk -------------------------------------------------------------------------------------------------------


def test_the_desk_shows_the_clock_and_no_name(walk: Walk, signed_in: SignedIn) -> None:
    at = walk.now()
    objections.receive(reference="LOST", received_at=RUN, by=walk.who("worker"), at=at)
    walk.minutes += 5 * 24 * 60
    desk = said(signed_in("govern").get("/objections/"))
    assert "OP6" in desk
    assert "1 November 2026" in desk
    assert "Overdue" in desk
    assert "LOST" in desk
    assert "Fernsby" not in desk


def test_governance_sees_exactly_what_was_sent(walk: Walk, signed_in: SignedIn) -> None:
    walk.through("draft", "explain", "put forward", "open sample", "approve", "ask to seal", "seal", "ask to deliver",
                 "deliver")  # fmt: skip
    client = signed_in("govern")
    page = said(client.get(f"/objections/{Objection.objects.get(reference='OP6').pk}/"))
    assert "Cuthbert Fernsby" in page
    assert "Nothing was sent about whom it covers." in page
    at = walk.now()
    row = objections.receive(family=family_of("F1"), received_at=at, by=walk.who("worker"), at=at)
    page = said(client.get(f"/objections/{row.pk}/"))
    assert walk.submission.name in page
    assert "PNC, NPD" in page
    assert Entry.objects.filter(event="OBJECTION_VIEWED", reference=row.reference, who="govern").exists()


def test_an_unmatched_objection_is_matched_after_the_name_was_shown(walk: Walk, signed_in: SignedIn) -> None:
    at = walk.now()
    row = objections.receive(about="Zebulonia", received_at=at, by=walk.who("worker"), at=at)
    client = signed_in("govern")
    path = f"/objections/{row.pk}/match/"
    assert "Nobody on file has this reference" in said(client.post(path, {"reference": "P99", "confirmed": "1"}))
    assert "Zebulonia Quillfeather" in said(client.post(path, {"reference": "P1"}))
    shown = Entry.objects.latest("id")
    assert (shown.event, shown.additional_data) == ("WORK_LIST_VIEWED", {"people": ["P1"]})
    assert out(walk, "F1") == {}
    client.post(path, {"reference": "P1", "confirmed": "1"})
    assert out(walk, "F1") == {"P1": "OBJECTION_PERSON"}


def test_a_refusal_without_one_of_its_three_is_not_made(walk: Walk, signed_in: SignedIn) -> None:
    client = signed_in("govern")
    path = f"/objections/{Objection.objects.get(reference='OP6').pk}/refuse/"
    told = {"told_on_day": "1", "told_on_month": "11", "told_on_year": "2026"}
    given = {"reason": "We must, and said so.", "legal_reference": "Article 21(1)", **told}
    for missing in (("reason",), ("legal_reference",), tuple(told)):
        answer = client.post(path, {name: value for name, value in given.items() if name not in missing})
        assert "<title>Error: " in said(answer)
    assert set(out(walk, "F4")) == {"P6"}
    assert client.post(path, given).status_code == 302
    assert out(walk, "F4") == {}


@pytest.mark.parametrize("name", ["worker", "prepare", "approve"])
def test_the_desk_is_for_information_governance(walk: Walk, signed_in: SignedIn, name: str) -> None:
    client, number = signed_in(name), Objection.objects.get().pk
    for page in ("", f"{number}/", f"{number}/refuse/", f"{number}/narrow/", f"{number}/match/", f"{number}/recheck/"):
        assert client.get(f"/objections/{page}").status_code == 403
    assert client.post(f"/objections/{number}/uphold/").status_code == 403

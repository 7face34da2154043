"""A question on its way: the family's worker records it, governance answers it, and the worker sees how far it is."""

from typing import Any

from cohorts import uploads
from cohorts.incoming import Offered
from cohorts.models import Objection, Person, RightsRequest
from connecting_families.audit.models import Entry
from connecting_families.audit.trail import duty
from tests.oracle.bulk import write
from tests.pages.answers import press, text
from tests.pages.conftest import SignedIn
from tests.pages.test_wishes import drawn
from tests.stages.conftest import WalkTo
from tests.stages.test_erasure import a_second, ask
from tests.stages.walk import PEOPLE

ASKED = "Does Peregrine's school learn of it?"


def test_a_question_is_recorded_once_answered_and_closed(walked_to: WalkTo, signed_in: SignedIn) -> None:
    walked_to("assemble")
    worker, page = signed_in("worker"), "/families/F1/requests/record/"
    assert "This family asked nothing yet." in text(worker.get("/families/F1/requests/"))
    given: dict[str, Any] = {"kind": "question", "person": "P1", "asked": ASKED, "channel": "phone"}
    given["drawn"] = drawn(worker.get(page))
    assert "Write what was asked" in text(worker.post(page, given | {"asked": ""}))
    assert "Check the answers" in text(worker.post(page, given))
    assert not RightsRequest.objects.exists()
    for _ in range(2):
        answer = worker.post(page, given | {"confirmed": "1"})
    row = RightsRequest.objects.get()
    assert answer["Location"] == f"/requests/{row.pk}/recorded/"
    said = text(worker.get(answer["Location"]))
    assert (row.reference in said, "answers by" in said, ASKED in said) == (True, True, False)
    assert "Fewer than 10 questions or requests" in text(worker.get("/"))
    # Governance, by the desk.
    govern, here = signed_in("govern"), f"/rights/{row.pk}/"
    assert "1 question or request" in text(govern.get("/"))
    desk = text(govern.get("/rights/"))
    assert row.reference in desk
    assert PEOPLE[0][1] not in desk
    assert ASKED in text(govern.get(here))
    assert "answer it first" in text(press(govern, f"{here}close/"))
    told = {"outcome": "refused", "answer": "No.", "answer_channel": "letter"}
    told |= {"told_on_day": "2", "told_on_month": "11", "told_on_year": "2026"}
    assert "Name the law" in text(press(govern, f"{here}answer/", **told))
    assert press(govern, f"{here}answer/", **(told | {"outcome": "done"}))["Location"] == here
    assert press(govern, f"{here}close/")["Location"] == here
    assert "Closed" in text(govern.get("/rights/?state=closed"))
    assert row.reference in text(worker.get("/requests/"))
    assert "Closed" in text(worker.get("/families/F1/requests/"))
    # The trail tells who opened it, and nothing of what was asked.
    events = set(Entry.objects.filter(record="cohorts.rightsrequest").values_list("event", flat=True))
    assert events >= {"REQUEST_RECEIVED", "REQUEST_VIEWED", "REQUEST_ANSWERED", "REQUEST_CLOSED"}
    assert ASKED not in str(list(Entry.objects.values()))


def test_who_may_not_does_not_see_it_and_an_objection_goes_its_own_way(walked_to: WalkTo, signed_in: SignedIn) -> None:
    walked_to("assemble")
    govern, page = signed_in("govern"), "/requests/record/"
    form = govern.get(page)
    given = {"kind": "access", "about": "Of no family here", "channel": "email", "drawn": drawn(form)}
    assert govern.post(page, given | {"kind": "objection"})["Location"] == "/objections/record/"
    govern.post(page, given | {"confirmed": "1"})
    row = RightsRequest.objects.get()
    assert not Objection.objects.filter(received_at__gte=row.received_at).exists()
    worker = signed_in("worker")
    assert worker.get(f"/requests/{row.pk}/").status_code == 403
    assert row.reference not in text(worker.get("/requests/"))
    assert worker.get(f"/rights/{row.pk}/").status_code == 403
    for name in ("prepare", "approve"):
        assert signed_in(name).get(f"/requests/{row.pk}/").status_code == 403
    # Whom it is about is shown before it is kept.
    here = f"/rights/{row.pk}/"
    assert "Nobody on file" in text(govern.post(f"{here}identify/", {"reference": "P99"}))
    assert PEOPLE[0][1] in text(govern.post(f"{here}identify/", {"reference": "P1"}))
    assert RightsRequest.objects.get().person is None
    assert "Make the report about" not in text(govern.get(here))
    assert govern.post(f"{here}identify/", {"reference": "P1", "confirmed": "1"})["Location"] == here
    # Who asks what is held about them is led to the report, which knows of the request.
    desk = govern.get(here)
    assert "Person P1" in text(desk)
    where = f"/subject-access/person/P1/?request={row.pk}"
    assert f'href="{where}"' in desk.content.decode()
    asked = govern.get(where).content.decode()
    assert f"Request {row.reference}, received on 2 November 2026 (e-mail)." in asked
    assert f'href="{here}"' in asked
    for other in (f"/subject-access/person/P3/?request={row.pk}", "/subject-access/person/P1/?request=1e9"):
        assert row.reference not in govern.get(other).content.decode()


def test_two_of_governance_erase_a_person_and_the_page_says_what_went(walked_to: WalkTo, signed_in: SignedIn) -> None:
    walk = walked_to("assemble")
    a_second(walk)
    request = ask(walk, "P6", asked="Cuthbert wants to be erased.")
    govern, second, here = signed_in("govern"), signed_in("govern2"), f"/rights/{request.pk}/"
    assert "Cuthbert Fernsby" in text(govern.get(f"{here}erase/"))
    assert "Write why the person is erased" in text(govern.post(f"{here}erase/", {"reason": ""}))
    page = govern.post(f"{here}erase/", {"reason": "She asked."})["Location"]
    assert "You proposed it yourself" in text(govern.get(page))
    assert "You proposed it yourself" in text(press(govern, f"{page}confirm/"))
    assert "proposed already" in text(govern.get(f"{here}erase/"))
    assert Person.objects.filter(reference="P6").exists()
    assert signed_in("worker").get(page).status_code == 403
    assert "Cuthbert Fernsby" in text(second.get(page))
    assert press(second, f"{page}confirm/")["Location"] == page
    for client in (govern, second):
        said = text(client.get(page)) + text(client.get(here)) + text(client.get("/rights/"))
        assert "Cuthbert" not in said
        assert "Erased" in said
    assert "decided about this already" in text(press(second, f"{page}confirm/"))
    assert "decided about this already" in text(press(second, f"{page}take-back/"))
    # Added anew, whoever adds them is told before and after that the objection stands.
    worker, adding = signed_in("worker"), "/families/F4/people/add/"
    given: dict[str, Any] = {"given_name": "cuthbert", "family_name": "FERNSBY", "sex": "1", "relationship": "lead"}
    given |= {"date_of_birth_day": "2", "date_of_birth_month": "1", "date_of_birth_year": "1990", "step": "details"}
    given |= {"lives_in_household": "yes", "parental_responsibility": "yes", "joined_on_day": "1"}
    given |= {"joined_on_month": "10", "joined_on_year": "2026", "same": "nobody", "drawn": drawn(worker.get(adding))}
    assert "objected before, and was erased" in text(worker.post(adding, given))
    worker.post(adding, given | {"confirmed": "1"})
    assert Objection.objects.get(remembered__isnull=False).person == Person.objects.latest("pk")
    # A bulk file that brings them again says so of its row, before it is loaded and after, and says not of whom.
    names = {"P50": ("Ann", "Other", "1980-01-01"), "P60": ("Cuthbert", "Fernsby", "1990-01-02")}
    keys = ("given_name", "family_name", "date_of_birth")
    bulk = {"people": [{"person_ref": ref, **dict(zip(keys, each, strict=True))} for ref, each in names.items()]}
    write(bulk, walk.folder / "again")
    content = (walk.folder / "again" / "people.csv").read_bytes()
    offered = [Offered("people.csv", lambda: iter([content]))]
    upload = uploads.receive(offered=offered, by=walk.who("prepare"), at=walk.now())
    uploads.check(upload.pk, by=duty("check"), at=walk.now())
    assert not Objection.objects.filter(person__reference="P60").exists()
    prepare, page = signed_in("prepare"), f"/files/{upload.code}/"
    told = [text(prepare.get(page))]
    uploads.confirm(upload=upload, by=walk.who("prepare"), at=walk.now())
    uploads.load(upload.pk, at=walk.now())
    told.append(text(prepare.get(page)))
    for each in told:
        assert "Objections of people who were erased stand again." in each
        assert "people.csv: 1 person, in row 3." in each
        assert "uthbert" not in each
    assert "From the moment this is loaded" in told[0]
    assert Objection.objects.filter(person__reference="P60").count() == 1
    entry = Entry.objects.filter(event="FILE_LOADED").latest("pk")
    assert entry.additional_data["objections_stand_again"] == {"count": 1, "lines": [3]}
    assert "P60" not in str(entry.__dict__)
    assert Entry.objects.get(event="UPLOAD_LOADED").additional_data["stand_again"] == {
        "people.csv": {"count": 1, "lines": [3]}
    }

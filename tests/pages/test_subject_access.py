"""Subject access: one person's report holds all that is theirs, nothing of anybody else, and no protected address."""

import json
import re
from typing import Any

from django.test import Client

from cohorts import objections, people
from cohorts.models import Objection
from cohorts.search import Asked, search
from connecting_families.audit.models import Entry
from connecting_families.audit.trail import duty
from tests.pages.answers import press, text
from tests.pages.conftest import SignedIn
from tests.stages import asked
from tests.stages.conftest import WalkTo
from tests.stages.receipts import acknowledgement, receipt_of
from tests.stages.test_sealing import Opened, needs_openssl
from tests.stages.walk import LINE, ORDER, PASSWORD, PEOPLE, Walk
from transfers import archive, receipt, withdrawal
from transfers.models import PersonReference, Submission

WHY = "Asked by letter, and shown a passport."
FILE = "/subject-access/file/"


def opened(client: Client, reference: str, **given: str) -> Any:
    """The report, after who asks and why."""
    posted = client.post(f"/subject-access/person/{reference}/", {"asked_by": "self", "reason": WHY} | given)
    assert posted.status_code == 302, text(posted)
    return client.get(posted["Location"])


def file_of(client: Client, page: Any) -> dict[str, list[dict[str, Any]]]:
    """The parts of the file to which a report leads, each with its rows."""
    key = page.wsgi_request.path.split("/")[-2]
    answer = client.get(f"{FILE}?report={key}")
    if answer.status_code == 302:
        assert answer["Location"].startswith("/account/reauthenticate/")
        press(client, answer["Location"], password=PASSWORD)
        answer = client.get(f"{FILE}?report={key}")
    said = json.loads(answer.content)
    assert said["spec"] == "connecting-families/subject-access/1"
    return {code: each["rows"] for code, each in said["parts"].items()}


def objects(walk: Walk, **about: Any) -> Objection:
    at = walk.now()
    return objections.receive(**about, channel="phone", received_at=at, by=walk.who("worker"), at=at)


def withdrawn(walk: Walk, row: Submission) -> None:
    made = withdrawal.make(submission=row, by=duty("withdraw"), at=walk.now())
    assert made is not None
    withdrawal.carry_out(withdrawal=made, by=duty("withdraw"), at=walk.now())
    receipt.take_in(data=acknowledgement(walk, made), by=walk.who("prepare"), at=walk.now())


def sent_of(walk: Walk, reference: str) -> set[tuple[str, str, str, str]]:
    """What a recipient finds of somebody in every package, with its own key: submission, file, column and value."""
    own = PersonReference.objects.get(person_id=walk.person(reference).pk).reference
    found = set()
    for row in Submission.objects.order_by("id"):
        for file in ("identifiers", "programme"):
            inside = Opened(walk, file, walk.folder / f"{row.pk}-{file}", package=f"{row.name}-{file}")
            lines = [line for line in inside.rows if line["submission_person_ref"] == own]
            for number, line in enumerate(lines, 1):
                place = f"{file}.csv, row {number} of {len(lines)}" if len(lines) > 1 else f"{file}.csv"
                found |= {(row.name, place, column, value) for column, value in line.items()}
    return found


def test_it_is_found_asked_for_opened_and_downloaded(walked_to: WalkTo, signed_in: SignedIn) -> None:
    walk = walked_to("deliver")
    client = signed_in("govern")
    found = client.post("/subject-access/", {"terms": "zebulonia quillfeather"})
    assert "ebulonia" not in found["Location"]
    page = client.get(found["Location"])
    assert 'href="/subject-access/person/P1/"' in page.content.decode()
    assert Entry.objects.latest("id").event == "FAMILIES_SEARCHED"
    nothing = client.post("/subject-access/person/P1/", {"reason": " "})
    assert "Say why you make this report" in text(nothing)
    assert "Choose who asked for it" in text(nothing)
    assert not Entry.objects.filter(event__startswith="SUBJECT_ACCESS").exists()
    signed_in("worker").get("/families/F1/")
    report = opened(client, "P1", asked_by="representative")
    said = text(report)
    assert f"{LINE}, Osierham, pe11aa" in said
    assert "Be sure, too, that they may ask for this person" in said
    assert "Early Help worker 1 A page of a family was opened Family F1" in said
    # Of others, and of colleagues' names, nothing.
    others = [name for ref, given, _, _, _, _ in PEOPLE for name in (given, ref) if ref != "P1"]
    assert [name for name in others if re.search(rf"\b{re.escape(name)}\b", said)] == []
    assert not re.search(r"\b(prepare|approve|assist|govern|worker \()\b", said)
    entry = Entry.objects.latest("id")
    assert (entry.event, entry.reference, entry.reason) == ("SUBJECT_ACCESS_VIEWED", "P1", WHY)
    assert entry.additional_data == {"asked_by": "representative", "submissions": 1, "kept_back": False}
    parts = file_of(client, report)
    entry = Entry.objects.latest("id")
    assert (entry.event, entry.who, entry.reason) == ("SUBJECT_ACCESS_EXPORTED", "govern", WHY)
    assert {row["what"]: row["value"] for row in parts["details"]}["National Insurance number"] == "AB123456C"
    # Whoever asks again sees that it was opened, and why.
    assert [row["why"] for row in parts["looks"] if "report" in row["what"]] == [WHY]
    assert [row["recipients"] for row in parts["sent"]] == [["ONS"]]
    # A report belongs to the session that asked for it.
    there = report.wsgi_request.path
    assert signed_in("govern").get(there)["Location"] == "/subject-access/"
    for who in ("worker", "prepare", "approve"):
        for path in ("/subject-access/", "/subject-access/person/P1/", there, FILE):
            assert signed_in(who).get(path).status_code == 403, path
    # A copy that is not there is never put together again.
    assert "PE1 1AA" in {row["value"] for row in parts["copies"]}
    archive.destroy_key(walk.submission.name)
    said_instead = file_of(client, opened(client, "P1"))["copies"]
    assert [(row["column"], row["value"].startswith("The key of what was sent is gone")) for row in said_instead] == [
        ("", True)
    ]  # fmt: skip


@needs_openssl
def test_two_families_a_merged_record_two_submissions_an_objection_and_a_withdrawal(
    walked_to: WalkTo, signed_in: SignedIn
) -> None:
    """P2 is a child of two families; P99 is the same child once more, merged; both times that P2 was sent are told."""
    walk = walked_to("deliver")
    client = signed_in("govern")
    walk.load({
        "people": [{"person_ref": "P99", "given_name": "Perry", "family_name": "Quillfeather", "sex": "1",
                    "date_of_birth": "2018-03-04", "upn": "A123456789012"}],
        "memberships": [{"family_ref": "F5", "person_ref": "P99", "joined_on": "2025-01-01", "relationship": "child"}],
        "evidence": [
            {"evidence_ref": "EP99", "family_ref": "F5", "person_ref": "P99", "indicator": "TF2.1",
             "observed_on": "2026-08-09", "source": "school"},
            {"evidence_ref": "EP8", "family_ref": "F5", "person_ref": "P8", "indicator": "TF4.1",
             "observed_on": "2026-08-10"},
            {"evidence_ref": "EOLD", "family_ref": "F5", "indicator": "TF4.1", "observed_on": "2024-12-31"},
        ],
    })  # fmt: skip
    asked.merge(walk, asked.together(walk, "P2", "P99"), keep=walk.person("P2"))
    stranger = asked.together(walk, "P2", "P4")
    asked.decide_about(walk, stranger, "DIFFERENT")
    receipt.take_in(data=receipt_of(walk, ("P2", "POSTCODE")), by=walk.who("prepare"), at=walk.now())
    walk.assemble(walk.open_round("2027"))
    walk.through(*ORDER[1:])
    first, second = Submission.objects.order_by("id")
    search(asked=Asked("Peregrine Quillfeather"), by=walk.who("worker"), at=walk.now())
    objects(walk, family=walk.person("P1").memberships.get().family, about="Their mother rang us.")
    objects(walk, person=walk.person("P99"), made_by="parent")
    withdrawn(walk, first)
    withdrawn(walk, second)

    # Under the reference of the merged record, the survivor's report is meant.
    page = opened(client, "P99")
    parts, said = file_of(client, page), text(page)
    assert "Records P2, P99" in said
    values = {(row["record"], row["what"]): row["value"] for row in parts["details"]}
    assert values["P2", "Given name"] == "Peregrine"
    assert values["P99", "Given name"] == "Perry"
    assert values["P99", "Unique pupil number"] == "A123456789012"
    assert sorted((row["record"], row["family"]) for row in parts["families"]) == [
        ("P2", "F1"), ("P2", "F3"), ("P99", "F5"),
    ]  # fmt: skip
    observed = {(row["of"], row["family"], row["indicator"], row["source"]) for row in parts["problems"]}
    # Of abuse no paper tells; nothing of another member, nothing from before they were in the family.
    assert observed == {
        ("P99", "F5", "TF2.1", "School, college or nursery"), ("The family as a whole", "F1", "TF1.1", ""),
        ("The family as a whole", "F3", "TF1.1", ""),
    }  # fmt: skip
    assert sorted((row["for"], row["made_by"], row["as_told"]) for row in parts["objections"]) == [
        ("Family F1", "", ""), ("P99", "A parent", ""),
    ]  # fmt: skip
    assert [(row["what"], row["records"], row["state"], bool(row["reason"])) for row in parts["compared"]] == [
        ("Compared", ["P2", "P99"], "One person", True), ("Compared", ["P2", "another person's record"],
                                                          "Two people", False),
        ("Merged", ["P2", "P99"], "Counts as one", True),
    ]  # fmt: skip
    decided = [(row["round"], row["family"], row["decision"]) for row in parts["decisions"]]
    assert [each for each in decided if each[0] == "2026"] == [
        ("2026", "F1", "To be sent"), ("2026", "F3", "To be sent"),
    ]  # fmt: skip
    assert ("2027", "F5") in {each[:2] for each in decided}
    assert [(row["submission"], bool(row["arrived_at"]), row["withdrawn_by"]) for row in parts["sent"]] == [
        (row.name, True, f"{row.name}-withdrawal-1") for row in (first, second)
    ]  # fmt: skip
    assert [row["from"] if "from" in row else row["submission"] for row in parts["withdrawals"]] == [
        first.name, second.name,
    ]  # fmt: skip
    assert all(row["acknowledged_at"] != "Not yet" for row in parts["withdrawals"])
    assert [(row["submission"], row["why"]) for row in parts["rejected"]] == [(first.name, "postcodes")]
    assert "Among what a search showed" in {row["how"] for row in parts["looks"]}
    assert {"A record was merged into another"} <= {row["what"] for row in parts["done"]}
    assert sent_of(walk, "P2") == {
        (row["submission"], row["file"], row["column"], row["value"]) for row in parts["copies"]
        if row["file"] and "withdrawal" not in row["file"]
    }  # fmt: skip
    assert {row["file"] for row in parts["copies"] if row["column"] == "withdrawn_on"} == {
        f"{row.name}-withdrawal-1" for row in (first, second)
    }  # fmt: skip
    for words in ("Clementina", "Their mother rang us", "Hepzibah", "EP8", "Ottoline"):
        assert words not in said + json.dumps(parts), words


def test_no_paper_says_where_somebody_protected_lives_or_that_they_are(walked_to: WalkTo, signed_in: SignedIn) -> None:
    """P1 is in a refuge, and P2 is a child of hers, of whom somebody else may ask: others read their papers."""
    walk = walked_to("deliver")
    client = signed_in("govern")
    at, by = walk.now(), walk.who("worker")
    people.protect(person=walk.person("P1"), kind="refuge", from_on=at.date(), by=by, at=at)
    withdrawn(walk, walk.submission)
    walk.assemble(walk.cohort.round)
    for reference in ("P1", "P2"):
        report = opened(client, reference, asked_by="parent")
        said, parts = text(report), json.dumps(file_of(client, report))
        assert "Addresses are not in it." in said
        for words in ("Marlinspike", "Osierham", "pe11aa", "PE1 1AA", "refuge", "protection mark"):
            assert words not in said + parts, (reference, words)
    own = file_of(client, opened(client, "P1"))
    assert own["addresses"][0]["address"] == "Held, and not written here"
    assert [row["reasons"] for row in own["decisions"]][-1] == ["A reason that is not written here"]
    assert "protection" not in own
    page = "/subject-access/person/P1/not-on-paper/"
    for asked_for in (client.get(page), client.post(page, {"reason": " "})):
        assert "Marlinspike" not in text(asked_for)
    shown = client.post(page, {"reason": "She is here, and knows her own day of birth."})
    for words in ("Marlinspike", "Refuge", "A protection mark was set", "This person's address is protected.", "TF5"):
        assert words in text(shown), words
    assert "no-store" in shown["Cache-Control"]
    entry = Entry.objects.latest("id")
    assert (entry.event, entry.reference) == ("PROTECTED_ADDRESS_OPENED", "P1")
    # Ended or not: where somebody was hidden once, others may be hidden.
    mark = walk.person("P1").protections.get()
    accounts_of_a_manager(walk)
    people.end_protection(
        mark=mark, last_day=at.date(), reason="Moved on.", by=walk.who("manage"), at=walk.now()
    )  # fmt: skip
    walk.minutes += 3 * 24 * 60
    assert "Marlinspike" not in text(opened(signed_in("govern"), "P2"))
    assert "Marlinspike" in text(opened(signed_in("govern"), "P7"))


def accounts_of_a_manager(walk: Walk) -> None:
    from connecting_families.staff import accounts

    accounts.add(username="manage", role="early_help_manager", password=PASSWORD, by=duty("test"), at=walk.now())

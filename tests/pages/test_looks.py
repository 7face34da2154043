"""What a recipient could not use reaches a team as a detail to look at again, and as nothing else."""

from datetime import date, timedelta
from typing import Any

import pytest

from cohorts import looking_again, mending, people
from cohorts.mending import ToMend
from cohorts.models import Look
from cohorts.rules.findings import KINDS
from cohorts.rules.look_again import DETAILS, code_of, detail_of, shown_from
from connecting_families.audit.models import Entry
from connecting_families.audit.refusals import Refused
from tests.pages.conftest import SignedIn
from tests.stages.asked import person_of
from tests.stages.conftest import WalkTo
from tests.stages.receipts import receipt_of
from tests.stages.walk import Walk
from transfers import receipt
from transfers.rules.receipts import CODES, TO_LOOK_AT


def text(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def to_look_at(walk: Walk) -> set[tuple[str, str, str]]:
    found = mending.to_mend("North", walk.now())
    return {(it.code, it.family_ref, it.person_ref) for it in found if it.code not in KINDS}


def a_week_later(walk: Walk) -> None:
    walk.minutes += 7 * 24 * 60


def test_every_code_of_a_receipt_is_for_a_team_or_for_the_data_team() -> None:
    assert TO_LOOK_AT.keys() <= CODES.keys()
    assert set(TO_LOOK_AT.values()) == DETAILS.keys()
    assert CODES.keys() - TO_LOOK_AT.keys() == {"DUPLICATE", "FORMAT", "DQ208", "DQ209", "DQ210", "DQ213"}
    assert [detail_of(code_of(detail)) for detail in DETAILS] == list(DETAILS)
    assert [detail_of(code) for code in (*KINDS, "LOOK-", "LOOK-religion", "look-sex", "LOOK-sex")] == [None] * (
        len(KINDS) + 4
    )
    monday = date(2026, 11, 9)
    assert {shown_from(monday - timedelta(days=days)) for days in range(1, 8)} == {monday}


def test_a_look_asked_for_by_a_receipt_is_like_one_asked_for_by_hand(walked_to: WalkTo, signed_in: SignedIn) -> None:
    walk = walked_to("deliver")
    assert to_look_at(walk) == set()
    data = receipt_of(walk, ("P1", "DATE_OF_BIRTH"), ("P3", "DQ203"), ("P5", "DUPLICATE"), ("P5", "NINO"))
    receipt.take_in(data=data, by=walk.who("prepare"), at=walk.now())
    # The same by hand, of somebody who was never in a cohort: both come on the same Monday.
    a_day = timedelta(days=1)
    looking_again.ask(reference="P8", details=["date_of_birth"], by=walk.who("assist"), at=walk.now() + a_day)
    assert to_look_at(walk) == set()
    a_week_later(walk)
    birth, nhs, nino = (code_of(detail) for detail in ("date_of_birth", "nhs_number", "nino"))
    asked = {(birth, "F1", "P1"), (birth, "F5", "P8"), (nhs, "F2", "P3"), (nino, "F3", "P5")}
    assert to_look_at(walk) == asked
    rows = {row.person.reference: row for row in Look.objects.select_related("person")}
    alike = {(rows[ref].detail, rows[ref].shown_from, rows[ref].outcome, rows[ref].looked_on) for ref in ("P1", "P8")}
    assert len(alike) == 1
    found = {it.person_ref: it for it in mending.to_mend("North", walk.now()) if it.code == birth}
    assert found["P8"] == ToMend(birth, "F5", "P8", "date_of_birth", found["P8"].address)

    worker = signed_in("worker")
    lists = text(worker.get("/records-to-mend/"))
    assert "Look again at the date of birth: is it as the person has it?</a>" in lists
    assert "Fewer than 10 people" in lists
    page = worker.get(f"/records-to-mend/{birth}/")
    where = {ref: f"/families/{family}/people/{ref}/look/{birth}/" for family, ref in (("F1", "P1"), ("F5", "P8"))}
    assert all(f'href="{address}"' in text(page) for address in where.values())
    shown = [text(worker.get(address)) for address in where.values()]
    assert "5 April 1988" in shown[0]
    assert "/families/F1/people/P1/change/#id_date_of_birth" in shown[0]
    for words in (lists, text(page), *shown):
        lower = words.lower()
        assert [
            word for word in ("cohort", "submission", "receipt", "ons ", "sent", "recipient") if word in lower
        ] == []
    # It is right: off the list; asked again by the next receipt or by hand, it comes back.
    assert worker.post(where["P1"])["Location"] == f"/records-to-mend/{birth}/"
    assert worker.post(where["P1"]).status_code == 404
    # Mended anywhere, a file included, it is off the list as well.
    walk.change("people", "person_ref", "P5", nino="AB123456D")
    assert to_look_at(walk) == {(birth, "F5", "P8"), (nhs, "F2", "P3")}
    data_team = signed_in("prepare")
    seen = text(data_team.get(f"/submissions/{walk.submission.name}/rejected/"))
    for words in ("Right as it is, ", "Changed since", "Waits to be looked at", "For the data team", "3 of 6 people"):
        assert words in seen
    assert signed_in("worker").get("/details-to-look-at/").status_code == 403
    again: dict[str, Any] = {"reference": "P5", "details": ["nino", "sex"]}
    assert data_team.post("/details-to-look-at/ask/", again)["Location"] == "/details-to-look-at/"
    waits = Look.objects.filter(person=person_of("P5"), detail="nino").order_by("pk").values_list("outcome", flat=True)
    assert list(waits) == [Look.CHANGED, Look.WAITING]
    assert "Nobody on file has this reference" in text(
        data_team.post("/details-to-look-at/ask/", again | {"reference": "P0"})
    )
    assert "Choose at least one detail" in text(data_team.post("/details-to-look-at/ask/", {"reference": "P5"}))
    # Asked for twice it waits once.
    looking_again.ask(**again, by=walk.who("assist"), at=walk.now())
    assert Look.objects.filter(outcome=Look.WAITING, person=person_of("P5")).count() == 2
    told = Entry.objects.filter(event="LOOKS_ASKED_FOR").latest("pk")
    assert (told.record, told.reference) == ("", "")
    assert told.additional_data == {"new": {"date_of_birth": 1, "nhs_number": 1, "nino": 1}}
    assert "P8</th>" in text(data_team.get("/details-to-look-at/")).replace(" </th>", "</th>")


def test_a_protected_address_is_not_asked_about(walked_to: WalkTo, signed_in: SignedIn) -> None:
    walk = walked_to("assemble")
    by = walk.who("prepare")
    looking_again.ask(reference="P8", details=["postcode", "sex"], by=by, at=walk.now())
    a_week_later(walk)
    worker, where = signed_in("worker"), "/families/F5/people/P8/look/LOOK-POSTCODE/"
    assert "PE1 1AB" in text(worker.get(where))
    at = walk.now()
    people.protect(person=person_of("P8"), kind="refuge", from_on=at.date(), by=walk.who("worker"), at=at)
    assert to_look_at(walk) == {(code_of("sex"), "F5", "P8")}
    assert worker.get(where).status_code == worker.post(where).status_code == 404
    for wrong in ("LOOK-NINO", "LOOK-religion", "DQ203"):
        assert worker.get(f"/families/F5/people/P8/look/{wrong}/").status_code == 404
    # Whoever looked too late reads so.
    row = Look.objects.get(detail="sex")
    looking_again.is_right(look=row, by=walk.who("worker"), at=walk.now())
    with pytest.raises(Refused, match="looked at this already"):
        looking_again.is_right(look=row, by=walk.who("worker"), at=walk.now())

"""The reasons: codes, sentences and order are those of the contract."""

from cohorts.rules.reasons import PERMISSION, RULE_SET, SILENCING, Reason
from tests.rules.contract import needs_contract, table


@needs_contract
def test_codes_sentences_and_order_are_those_of_the_contract() -> None:
    rows = table("rules.md", "| code | reads | holds when |")
    assert [(reason.code, reason.sentence) for reason in Reason] == [
        (code.strip("`"), reads) for code, reads, _ in rows
    ]


def test_permission_is_what_protects_objects_and_consents() -> None:
    assert {code.split("_")[0] for code in PERMISSION} == {"PROTECTED", "OBJECTION", "CONSENT"}
    assert {
        reason.code for reason in Reason if reason.code.startswith(("PROTECTED", "OBJECTION", "CONSENT"))
    } == PERMISSION


def test_the_silencing_reasons_are_the_first_in_precedence() -> None:
    assert {reason.code for reason in list(Reason)[: len(SILENCING)]} == SILENCING


def test_the_rule_set_is_dated() -> None:
    year, month = RULE_SET.split("-")
    assert int(year) >= 2026
    assert 1 <= int(month) <= 12

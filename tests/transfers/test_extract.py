"""Only named fields leave, in the order and form of spec/submission.md."""

from datetime import date

import pytest

from transfers.rules.extract import (
    EXTRACTS,
    IDENTIFIERS,
    PROGRAMME,
    WITHDRAWALS,
    Extract,
    IdentifiersRow,
    ProgrammeRow,
    UnnamedColumnError,
    WithdrawalRow,
    columns_sent,
    not_agreed,
    values,
)

PERSON = IdentifiersRow(
    submission_person_ref="GEZDGNBVGY3TQOJQGEZDGNBVGY",
    given_name="Zoë",
    middle_names="Mary Ann",
    family_name="O'Neill-Ŵyr",
    previous_family_names="Smith;Jones",
    date_of_birth=date(2012, 2, 29),
    sex="2",
    address_line_1="=1 High Street",
    address_line_2="Peterborough",
    address_line_3="",
    address_line_4="",
    address_line_5="",
    postcode="pe1  1hg",
    nino="",
    nhs_number="9434765919",
    upn="B801200005001",
    uln="",
    linkage_scope="PNC;NPD",
)
IN_FAMILY = ProgrammeRow(
    submission_person_ref="GEZDGNBVGY3TQOJQGEZDGNBVGY",
    submission_family_ref="MZXW6YTBOIFA2DGNBVGY3TQOJQ",
    la_code="E06000031",
    group="PROGRAMME",
    programme_start=date(2026, 3, 1),
    programme_end=None,
    relationship="child",
    headlines={"TF2", "TF5"},
)

# The contract, once more, by hand.
CORE_IDENTIFIERS = (
    "submission_person_ref given_name family_name date_of_birth sex address_line_1 address_line_2 address_line_3"
    " address_line_4 address_line_5 postcode nino"
)
CORE_PROGRAMME = "submission_person_ref submission_family_ref la_code group programme_start programme_end"
MAY_ADD_IDENTIFIERS = "middle_names previous_family_names nhs_number upn uln linkage_scope"
MAY_ADD_PROGRAMME = "relationship TF1 TF2 TF3 TF4 TF5 TF6"


@pytest.mark.parametrize(
    ("extract", "core", "may_add"),
    [
        (IDENTIFIERS, CORE_IDENTIFIERS, MAY_ADD_IDENTIFIERS),
        (PROGRAMME, CORE_PROGRAMME, MAY_ADD_PROGRAMME),
        (WITHDRAWALS, "submission_person_ref withdrawn_on", ""),
    ],
    ids=lambda value: value.name if isinstance(value, Extract) else "",
)
def test_columns_and_their_order_are_the_contract(extract: Extract, core: str, may_add: str) -> None:
    assert " ".join(column.name for column in extract.core) == core
    assert " ".join(column.name for column in extract.may_add) == may_add
    assert columns_sent(extract, []) == tuple(core.split())
    assert columns_sent(extract, [*core.split(), *may_add.split()]) == (*core.split(), *may_add.split())


def test_a_column_reads_one_field_of_its_own_row() -> None:
    for extract in EXTRACTS:
        assert {column.field for column in extract.columns.values()} == set(extract.fields)


def test_who_and_what_happened_share_nothing_but_the_reference() -> None:
    assert set(IDENTIFIERS.columns) & set(PROGRAMME.columns) == {"submission_person_ref"}


def test_additions_come_after_the_core_in_the_order_of_the_contract() -> None:
    columns = columns_sent(IDENTIFIERS, ["upn", "nhs_number", "TF3", "given_name"])
    assert columns == (*CORE_IDENTIFIERS.split(), "nhs_number", "upn")
    assert columns_sent(PROGRAMME, ["upn", "TF3", "TF1"]) == (*CORE_PROGRAMME.split(), "TF1", "TF3")


@pytest.mark.parametrize("field", ["person_ref", "objections", "headlines", "SF01", "Given_name", "", "team"])
def test_a_field_that_no_rule_names_cannot_leave(field: str) -> None:
    with pytest.raises(UnnamedColumnError, match="No rule names"):
        columns_sent(IDENTIFIERS, ["nino", field])
    with pytest.raises(UnnamedColumnError, match="No rule names"):
        values(IDENTIFIERS, ["submission_person_ref", field])


@pytest.mark.parametrize(
    ("extract", "column"), [(IDENTIFIERS, "group"), (IDENTIFIERS, "TF1"), (PROGRAMME, "nino"), (WITHDRAWALS, "nino")]
)
def test_a_column_of_another_file_cannot_leave_in_this_one(extract: Extract, column: str) -> None:
    with pytest.raises(UnnamedColumnError, match=extract.name):
        values(extract, [column])


def test_what_an_agreement_does_not_cover_is_said() -> None:
    core = columns_sent(PROGRAMME, [])
    assert not_agreed(core, []) == []
    assert not_agreed([*core, "TF1", "relationship"], []) == ["TF1", "relationship"]
    assert not_agreed(core, set(core) - {"group"}) == ["group"]


def test_a_person_in_the_form_of_the_contract() -> None:
    sent = values(IDENTIFIERS, columns_sent(IDENTIFIERS, MAY_ADD_IDENTIFIERS.split()))(PERSON)
    assert sent == [
        *("GEZDGNBVGY3TQOJQGEZDGNBVGY", "Zoë", "O'Neill-Ŵyr", "2012-02-29", "F"),
        *("=1 High Street", "Peterborough", "", "", "", "PE1 1HG", ""),
        *("Mary Ann", "Smith;Jones", "9434765919", "B801200005001", "", "PNC;NPD"),
    ]


def test_a_person_in_a_family_in_the_form_of_the_contract() -> None:
    sent = values(PROGRAMME, columns_sent(PROGRAMME, MAY_ADD_PROGRAMME.split()))(IN_FAMILY)
    assert sent == [
        *("GEZDGNBVGY3TQOJQGEZDGNBVGY", "MZXW6YTBOIFA2DGNBVGY3TQOJQ", "E06000031", "PROGRAMME", "2026-03-01", ""),
        *("child", "false", "true", "false", "false", "true", "false"),
    ]


def test_a_withdrawal_in_the_form_of_the_contract() -> None:
    row = WithdrawalRow("GEZDGNBVGY3TQOJQGEZDGNBVGY", date(2026, 11, 2))
    assert values(WITHDRAWALS, columns_sent(WITHDRAWALS, []))(row) == ["GEZDGNBVGY3TQOJQGEZDGNBVGY", "2026-11-02"]


@pytest.mark.parametrize(("code", "sent"), [("1", "M"), ("2", "F"), ("0", "U"), ("9", "U")])
def test_sex_is_sent_as_a_letter(code: str, sent: str) -> None:
    assert values(IDENTIFIERS, ["sex"])(PERSON._replace(sex=code)) == [sent]


@pytest.mark.parametrize("code", ["", "3", "M", " 1"])
def test_a_sex_that_is_no_code_is_not_sent(code: str) -> None:
    with pytest.raises(ValueError, match="sex"):
        values(IDENTIFIERS, ["sex"])(PERSON._replace(sex=code))


@pytest.mark.parametrize(
    ("held", "sent"),
    [
        ("PE1 1HG", "PE1 1HG"),
        ("pe11hg", "PE1 1HG"),
        ("\tw1a   1hq ", "W1A 1HQ"),
        ("gir0aa", "GIR 0AA"),
        ("PE1", ""),
        ("P3 12AB", ""),
        ("", ""),
    ],
)
def test_a_postcode_is_sent_in_its_normal_form_or_not_at_all(held: str, sent: str) -> None:
    assert values(IDENTIFIERS, ["postcode"])(PERSON._replace(postcode=held)) == [sent]

"""Numbers, postcodes and the form in which texts are compared."""

import pytest

from cohorts.rules.numbers import is_nhs_number, is_nino, is_pseudo_postcode, is_upn, normal_form, postcode_form


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("9434765919", True),
        ("943 476 5919", True),
        ("9434765918", False),
        ("4010232137", True),
        ("1111111111", False),
        ("0000000000", False),
        ("943476591", False),
        ("94347659190", False),
        ("943476591X", False),
        ("9434765919\n1", False),
        ("٩٤٣٤٧٦٥٩١٩", False),
        ("", False),
    ],
)
def test_nhs_number(text: str, *, valid: bool) -> None:
    assert is_nhs_number(text) is valid


def test_an_nhs_number_whose_check_would_be_ten_was_never_issued() -> None:
    start = next(n for n in range(400_000_000, 400_001_000) if not any(is_nhs_number(f"{n}{d}") for d in range(10)))
    weighed = sum(int(digit) * weight for digit, weight in zip(str(start), range(10, 1, -1), strict=True))
    assert 11 - weighed % 11 == 10


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("AB123456C", True),
        ("ab 12 34 56 c", True),
        ("OA123456D", True),
        ("QQ123456A", False),
        ("AO123456A", False),
        ("AB123456E", False),
        ("AB123456", False),
        ("AB12345C", False),
        ("AB1234567C", False),
        *[(f"{prefix}123456A", False) for prefix in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")],
        *[(f"{letter}A123456A", False) for letter in "DFIQUV"],
        *[(f"A{letter}123456A", False) for letter in "DFIQUVO"],
        ("", False),
    ],
)
def test_nino(text: str, *, valid: bool) -> None:
    assert is_nino(text) is valid


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("B801200005001", True),
        ("b801200005001", True),
        ("A801200005001", False),
        ("I801200005001", False),
        ("P207000016049", True),
        ("B207000016049", False),
        ("M80120000500A", True),
        ("B80120000500A", False),
        ("M80120000500I", False),
        ("B80120000500", False),
        ("B8012000050011", False),
        ("8801200005001", False),
        ("", False),
    ],
)
def test_upn(text: str, *, valid: bool) -> None:
    assert is_upn(text) is valid


def test_the_last_letter_of_a_temporary_upn_has_its_place_in_the_alphabet_without_i_o_and_s() -> None:
    # 8 0 1 2 0 0 0 0 5 0 0 weigh 80 together; J is the ninth letter, worth 8, and weighs thirteen times as much.
    assert (80 + 13 * 8) % 23 == 0
    assert is_upn("A80120000500J")


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("M1 1AE", "M1 1AE"),
        ("B33 8TH", "B33 8TH"),
        ("CR2 6XH", "CR2 6XH"),
        ("DN55 1PT", "DN55 1PT"),
        ("W1A 1HQ", "W1A 1HQ"),
        ("EC1A 1BB", "EC1A 1BB"),
        ("GIR 0AA", "GIR 0AA"),
        ("gir0aa", "GIR 0AA"),
        ("pe1  1hg", "PE1 1HG"),
        (" PE11HG ", "PE1 1HG"),
        ("ZZ99 3VZ", "ZZ99 3VZ"),
        ("PE1", ""),
        ("PE1 1CC", ""),
        ("P3 12AB", ""),
        ("PEE1 1HG", ""),
        ("PE111 1HG", ""),
        ("1PE 1HG", ""),
        ("PE1 1H", ""),
        ("PE1 HG1", ""),
        ("GIR 0AB", ""),
        ("P E1 1HG", ""),
        ("", ""),
    ],
)
def test_postcode_forms(text: str, form: str) -> None:
    assert postcode_form(text) == form


@pytest.mark.parametrize(
    ("text", "pseudo"),
    [("ZZ99 3VZ", True), ("zz993cz", True), ("ZZ99", True), ("ZE1 0AA", False), ("PE1 1HG", False), ("", False)],
)
def test_pseudo_postcodes(text: str, *, pseudo: bool) -> None:
    assert is_pseudo_postcode(text) is pseudo


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("  Not   KNOWN ", "not known"),
        ("O\N{RIGHT SINGLE QUOTATION MARK}Connor", "o'connor"),
        ("O\N{ACUTE ACCENT}Connor", "o'connor"),
        ("Smith\N{NON-BREAKING HYPHEN}Jones", "smith-jones"),
        ("Smith\N{EN DASH}Jones", "smith-jones"),
        ("Rafa\u0142", "rafał"),
        ("Sea\u0301n", "seán"),
        ("\uff34est", "test"),
        ("Strauß", "strauss"),
        ("Ada\N{NO-BREAK SPACE}Baker", "ada baker"),
        ("", ""),
    ],
)
def test_the_normal_form_keeps_accents_and_straightens_the_rest(text: str, normal: str) -> None:
    assert normal_form(text) == normal
    assert normal_form(normal) == normal

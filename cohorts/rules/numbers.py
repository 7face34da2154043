"""Numbers that identify people, the forms of a postcode, and the form in which texts are compared.

Values are kept as supplied. These functions read them without regard to case and to the spaces between their groups.
"""

import re
import unicodedata
from functools import lru_cache
from operator import mul
from typing import Final

_NHS_NUMBER: Final = re.compile(r"[0-9]{10}")
_NHS_WEIGHTS: Final = (10, 9, 8, 7, 6, 5, 4, 3, 2, 1)
_NINO: Final = re.compile(r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][0-9]{6}[A-D]")
_UPN: Final = re.compile(r"[A-HJ-NP-RT-Z][0-9]{11}[0-9A-HJ-NP-RT-Z]")
_UPN_LETTERS: Final = "ABCDEFGHJKLMNPQRTUVWXYZ"
_UPN_VALUES: Final = {letter: value for value, letter in enumerate(_UPN_LETTERS)} | {str(n): n for n in range(10)}
_UPN_WEIGHTS: Final = (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13)
POSTCODE: Final = re.compile(
    r"([A-Z]{1,2}[0-9][0-9A-Z]?) ?([0-9][ABD-HJLNP-UW-Z]{2})"
    r"|(GIR) ?(0AA)"
    r"|(ZZ99) ?([0-9][A-Z]{2})"
)
_STRAIGHT: Final = str.maketrans(
    dict.fromkeys("\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}`\N{ACUTE ACCENT}", "'")
    | dict.fromkeys("\N{MODIFIER LETTER APOSTROPHE}\N{MODIFIER LETTER TURNED COMMA}\N{PRIME}", "'")
    | dict.fromkeys("\N{HYPHEN}\N{NON-BREAKING HYPHEN}\N{FIGURE DASH}\N{EN DASH}\N{EM DASH}\N{MINUS SIGN}", "-")
)


@lru_cache(maxsize=4096)  # the same few thousand names come again and again
def normal_form(text: str) -> str:
    """The form in which texts are compared: NFKC, case folded, single spaces, straight apostrophe and hyphen."""
    folded = unicodedata.normalize("NFKC", text.translate(_STRAIGHT)).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def is_nhs_number(text: str) -> bool:
    """Whether a text is an NHS number: ten digits, not all equal, the last a check by modulus 11 over the others.

    Source: NHS Data Dictionary, NHS NUMBER.
    """
    number = _read(_NHS_NUMBER, text)
    if not number or number == number[0] * 10:
        return False
    # The check digit weighs one, so that the whole sum is a multiple of eleven. The weights add up to 55, itself a
    # multiple: the code points of the digits serve as well as their values.
    total: int = sum(map(mul, number.encode(), _NHS_WEIGHTS))
    return total % 11 == 0


def is_nino(text: str) -> bool:
    """Whether a text has the form of a National Insurance number that HMRC could issue.

    Two letters, six digits, one of A to D. D, F, I, Q, U, V are never in the prefix, O never second, and seven prefixes
    are not used. Source: HMRC, National Insurance Manual NIM39110.
    """
    return bool(_read(_NINO, text))


def is_upn(text: str) -> bool:
    """Whether a text is a unique pupil number with its true check letter, a temporary one (last a letter) included.

    Source: Department for Education, unique pupil numbers guide: modulus 23 over the twelve characters after the
    check letter, weighed 2 to 13; I, O and S are not used.
    """
    number = _read(_UPN, text)
    if not number:
        return False
    values = map(_UPN_VALUES.__getitem__, number[1:])
    return number[0] == _UPN_LETTERS[sum(map(mul, values, _UPN_WEIGHTS)) % 23]


@lru_cache(maxsize=256)  # a family shares its postcode
def postcode_form(text: str) -> str:
    """A postcode in upper case with one space, or an empty text where it has no UK postcode form.

    The space may be missing, but not stand elsewhere. C, I, K, M, O and V are never used after the space (Royal Mail,
    Programmers' Guide to PAF); pseudo postcodes of the NHS have a form, and are told apart by `is_pseudo_postcode`.
    """
    match = POSTCODE.fullmatch(" ".join(text.upper().split()))
    return " ".join(part for part in match.groups() if part) if match else ""


@lru_cache(maxsize=256)
def is_pseudo_postcode(text: str) -> bool:
    """Whether a postcode stands for no fixed abode, abroad or not known (ZZ99...), rather than for a place."""
    return "".join(text.split()).upper().startswith("ZZ99")


def _read(pattern: re.Pattern[str], text: str) -> str:
    """A number without spaces and in upper case, or an empty text where it does not have the form."""
    if pattern.fullmatch(text):
        return text
    compact = "".join(text.split()).upper()
    return compact if pattern.fullmatch(compact) else ""

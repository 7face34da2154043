"""How near two names are: for finding people whose name was heard, misread or mistyped.

Words come folded (without case, accents and apostrophes; migration 0005), the names of a person as lists of words:
given, middle, family, previous. A compound name is there in parts and as one word.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

NEAR: Final = 0.55
"""From here on a word is taken for another one that was misspelt."""
WEIGHTS: Final = (1.0, 0.88, 1.0, 0.96)
"""What a word counts that stands in a given, middle, family or previous family name."""


class PersonNames(NamedTuple):
    """The words of the names of a person."""

    given: tuple[str, ...]
    middle: tuple[str, ...]
    family: tuple[str, ...]
    previous: tuple[str, ...]


def parted(words: Sequence[str]) -> PersonNames:
    """The names of a person out of the words that the database keeps, where an empty one ends each name."""
    names: list[list[str]] = [[]]
    for word in words:
        if word:
            names[-1].append(word)
        else:
            names.append([])
    given, middle, family, previous = (tuple(name) for name in names[:4])
    return PersonNames(given, middle, family, previous)


@lru_cache(maxsize=1 << 14)
def nearness(typed: str, held: str) -> float:
    """1 for the same word, 0 for nothing in common: by slips (a letter put in, left out, changed, or two changed over).

    A word of which the first three letters or more were typed is near.
    """
    if typed == held:
        return 1.0
    longest = max(len(typed), len(held))
    by_slips = 1 - slips(typed, held) / longest
    if len(typed) >= 3 and held.startswith(typed):
        return max(by_slips, 0.6 + 0.3 * len(typed) / longest)
    if _skeleton(typed) == _skeleton(held):
        return max(by_slips, 0.8)
    return by_slips


def slips(a: str, b: str) -> int:
    """How many slips lie between two words (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        older, before, row = before, row, [i]
        for j, other in enumerate(b, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
    return row[-1]


def _skeleton(word: str) -> str:
    """The first letter and the consonants after it, each once in a row."""
    rest = [letter for letter in word[1:] if letter not in "aeiouyhw"]
    return word[:1] + "".join(b for a, b in pairwise(["", *rest]) if a != b)


def likeness(typed: Sequence[str], person: PersonNames, near: Mapping[str, Mapping[str, float]] | None = None) -> float:
    """How well the names of a person fit the words typed, in any order: 1 for given and family name as they are.

    `near` may tell the nearness of words that were looked up before; others count as nothing then.
    """
    if not typed:
        return 0.0
    total, used, places = 0.0, set[str](), []
    for word in typed:
        value, place, by = _best(word, person, near)
        total += value
        places.append(place)
        used.add(by)
    score = total / len(typed)
    # Of two who fit alike: whose names were typed in full, and in the usual order.
    left = sum(1 for name in (person.given, person.family) for word in name if word not in used and len(name) == 1)
    if len(typed) > 1 and places != sorted(places):
        score -= 0.02
    return score - 0.03 * left


def _best(word: str, person: PersonNames, near: Mapping[str, Mapping[str, float]] | None) -> tuple[float, int, str]:
    best = (0.0, 1, "")
    known = near.get(word, {}) if near is not None else None
    for place, (name, weight) in enumerate(zip(person, WEIGHTS, strict=True)):
        for held in name:
            found = nearness(word, held) if known is None else known.get(held, 0.0)
            if found * weight > best[0]:
                best = (found * weight, place, held)
    return best

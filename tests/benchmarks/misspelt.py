"""Invented names of a whole city, and slips as people make them when they type what they heard."""

import random
import string
from collections.abc import Callable
from typing import Final, NamedTuple


def _parts(text: str) -> list[str]:
    return text.split()


ONSETS: Final = _parts("b br c ch cl d dr f g gr h j k kh kr l m n p ph r s sh sk st t th tr v w y z")
VOWELS: Final = _parts("a a a e e i i o o u aa ai ea ee ie oo é á ö ó")
CODAS: Final = ["", "", "", "", *_parts("n m r s l ck nd rt ng sz ł ń")]
ENDINGS: Final = ["", "", "", *_parts("son ski ova ley ton man well oğlu escu wara by field ez")]
GIVEN, FAMILY = 8_000, 40_000


class Name(NamedTuple):
    """A given and a family name."""

    given: str
    family: str


class Pool:
    """Names of which a few are common and most are rare, as in a city."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.given = self._names(GIVEN, 1, 2, ["", "", "", "a", "o", "ie"])
        self.family = self._names(FAMILY, 1, 2, ENDINGS)
        self.weights = {len(names): _weights(len(names)) for names in (self.given, self.family)}

    def _names(self, wanted: int, least: int, most: int, endings: list[str]) -> list[str]:
        draw, found = self.draw, dict[str, None]()
        while len(found) < wanted:
            syllables = draw.randint(least, most)
            name = "".join(
                draw.choice(ONSETS) + draw.choice(VOWELS) + draw.choice(CODAS) for _ in range(syllables)
            ) + draw.choice(endings)
            chance = draw.random()
            if chance < 0.03:
                name = f"o'{name}"
            elif chance < 0.06 and found:
                name = f"{name}-{draw.choice(list(found)[:200])}"
            elif chance < 0.07 and found:
                name = f"van {name}"
            if 3 <= len(name) <= 30:
                found[string.capwords(name)] = None
        return list(found)

    def names(self, count: int) -> list[Name]:
        """So many people's names."""
        given, family = (
            self.draw.choices(names, cum_weights=self.weights[len(names)], k=count)
            for names in (self.given, self.family)
        )
        return [Name(*pair) for pair in zip(given, family, strict=True)]


def _weights(count: int) -> list[float]:
    total, summed = 0.0, []
    for rank in range(count):
        total += 1 / (rank + 20)
        summed.append(total)
    return summed


def insert(name: str, draw: random.Random) -> str:
    """A letter too many."""
    place = draw.randrange(1, len(name) + 1)
    return name[:place] + draw.choice(string.ascii_lowercase) + name[place:]


def drop(name: str, draw: random.Random) -> str:
    """A letter left out."""
    place = draw.randrange(len(name))
    return name[:place] + name[place + 1 :]


def swap(name: str, draw: random.Random) -> str:
    """Two letters the wrong way round."""
    place = draw.randrange(len(name) - 1)
    return name[:place] + name[place + 1] + name[place] + name[place + 2 :]


def substitute(name: str, draw: random.Random) -> str:
    """Another letter."""
    place = draw.randrange(len(name))
    return name[:place] + draw.choice(string.ascii_lowercase) + name[place + 1 :]


SLIPS: Final[tuple[Callable[[str, random.Random], str], ...]] = (insert, drop, swap, substitute)

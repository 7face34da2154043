"""Invented names of a whole city, and slips as people make them when they type what they heard."""

import random
import re
import string
import unicodedata
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

    def name(self) -> Name:
        """Somebody's names."""
        given, family = (
            self.draw.choices(names, cum_weights=self.weights[len(names)])[0] for names in (self.given, self.family)
        )
        return Name(given, family)


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


def without_accents(name: str) -> str:
    """As on a keyboard that has none."""
    plain = name.translate(str.maketrans("łŁøØ", "lLoO"))
    return "".join(each for each in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(each))


def in_one_of_both(slip: Callable[[str, random.Random], str]) -> Callable[[Name, random.Random], str]:
    """A slip in the given or in the family name."""

    def typed(name: Name, draw: random.Random) -> str:
        if draw.random() < 0.5:
            return f"{slip(name.given, draw)} {name.family}"
        return f"{name.given} {slip(name.family, draw)}"

    return typed


def in_both(name: Name, draw: random.Random) -> str:
    """A slip in each."""
    return " ".join(draw.choice(SLIPS)(part, draw) for part in name)


def turned(name: Name, draw: random.Random) -> str:
    """The family name first, and a slip."""
    return in_one_of_both(draw.choice(SLIPS))(Name(name.family, name.given), draw)


def plain(name: Name, draw: random.Random) -> str:
    """Without accents, apostrophes and capitals, and a slip."""
    text = in_one_of_both(draw.choice(SLIPS))(name, draw)
    return without_accents(text).replace("'", "").replace("\N{RIGHT SINGLE QUOTATION MARK}", "").lower()


def compound(name: Name, draw: random.Random) -> str:
    """A compound name as one word or as two; another one with a slip."""
    if not {" ", "-"} & set("".join(name)):
        return in_one_of_both(draw.choice(SLIPS))(name, draw)
    between = draw.choice(("", " "))
    return " ".join(re.sub("[ -]", between, part) for part in name)


SLIPS: Final[tuple[Callable[[str, random.Random], str], ...]] = (insert, drop, swap, substitute)
#: what people do to a name -> how
KINDS: Final[dict[str, Callable[[Name, random.Random], str]]] = {
    "insert": in_one_of_both(insert),
    "drop": in_one_of_both(drop),
    "swap": in_one_of_both(swap),
    "substitute": in_one_of_both(substitute),
    "without accents": plain,
    "turned": turned,
    "compound": compound,
    "a slip in both": in_both,
}

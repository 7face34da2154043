"""What fuzzing found once, and some cases near what is right, each time."""

import random
from pathlib import Path

import pytest

from tests.fuzz import loaded
from tests.fuzz.targets import TARGETS
from tests.stages.bulk import everything, load

FOUND = Path(__file__).parent / "found"
NEAR = 60
"""Cases of each target, by a seed: long searches are asked for (make fuzz)."""


@pytest.mark.parametrize("name", TARGETS)
def test_a_door_answers_whatever_comes(name: str) -> None:
    target, draw = TARGETS[name], random.Random(20261130)
    examples = target.examples()
    for example in examples:
        target.take(example)
    for case in sorted((FOUND / name).glob("*")):
        target.take(case.read_bytes())
    for _ in range(NEAR):
        data = bytearray(draw.choice(examples))
        for _ in range(draw.randint(1, 3)):
            place, kind = draw.randrange(len(data)), draw.random()
            if kind < 0.5:
                data[place] = draw.randrange(256)
            elif kind < 0.75:
                del data[place : place + draw.randint(1, 8)]
            else:
                data[place:place] = draw.choice([*target.words, bytes([draw.randrange(256)])])
            if not data:
                break
        target.take(bytes(data))


@pytest.mark.django_db
def test_the_loader_loads_a_file_or_says_what_is_wrong_with_it(tmp_path: Path) -> None:
    assert load(tmp_path, everything()).errors == []
    loaded.take_a_file()

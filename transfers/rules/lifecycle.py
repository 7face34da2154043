"""The stages of a submission in order, and the only moves between them; the diagram in docs/ is drawn from here."""

from enum import Enum

from connecting_families.audit.refusals import Why


class Stage(Enum):
    """Where a submission stands; the value is what people read."""

    DRAFT = "Draft"
    PUT_FORWARD = "Put forward"
    SENT_BACK = "Sent back"
    APPROVED = "Approved"
    SEALED = "Sealed"
    SENDING = "Being sent"
    SENT = "Sent"
    RECEIPTED = "Receipted"
    DESTROYED = "Destroyed"
    VOID = "Void"


#: act -> (the stages from which it may be done, the stage to which it leads)
MOVES: dict[str, tuple[frozenset[Stage], Stage]] = {
    "put forward": (frozenset({Stage.DRAFT}), Stage.PUT_FORWARD),
    "send back": (frozenset({Stage.PUT_FORWARD}), Stage.SENT_BACK),
    "take up again": (frozenset({Stage.SENT_BACK}), Stage.DRAFT),
    "approve": (frozenset({Stage.PUT_FORWARD}), Stage.APPROVED),
    "seal": (frozenset({Stage.APPROVED}), Stage.SEALED),
    "attempt delivery": (frozenset({Stage.SEALED}), Stage.SENDING),
    "note arrival": (frozenset({Stage.SENDING}), Stage.SENT),
    "take in a receipt": (frozenset({Stage.SENT}), Stage.RECEIPTED),
    "destroy": (frozenset({Stage.SEALED, Stage.SENDING, Stage.SENT, Stage.RECEIPTED}), Stage.DESTROYED),
    "void": (
        frozenset({Stage.DRAFT, Stage.PUT_FORWARD, Stage.SENT_BACK, Stage.APPROVED, Stage.SEALED}),
        Stage.VOID,
    ),
}


def reasons_against(act: str, stage: Stage) -> list[Why]:
    """Why this act may not be done at this stage; nothing where it may."""
    sources, _ = MOVES[act]
    if stage in sources:
        return []
    names = " or ".join(source.value.lower() for source in Stage if source in sources)
    return [Why("WRONG_STAGE", f"The submission is {stage.value.lower()}; it must be {names} to {act}.")]


def after(act: str) -> Stage:
    """The stage to which this act leads."""
    return MOVES[act][1]


def diagram() -> str:
    """The lifecycle as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", "    [*] --> DRAFT"]
    lines += [
        f"    {source.name} --> {target.name}: {act}"
        for act, (sources, target) in MOVES.items()
        for source in Stage
        if source in sources
    ]
    return "\n".join(lines) + "\n"

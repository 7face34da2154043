"""Whatever is done in whatever order, by whomever, killed or side by side: nobody gets past a gate who must not.

Each walk starts on a database of its own, where everything is committed, and goes 1,000 steps through the real stages
(tests.gates.walked). After every step other eyes than the program's look (tests.gates.checked), and an oracle that
knows nothing of the program says who must not be sent (tests.gates.believed). What is sealed is opened with the
recipient's key. A walk that fails prints its seed and its last steps.

CI walks 20,000 steps. `CF_GATE_STEPS=1000000` walks a million, `CF_GATE_SEED=n` begins with another seed than 1, and
`CF_GATE_TOLD=file` keeps how often what happened, a line of JSON for each walk:

    CF_GATE_TOLD=told.jsonl CF_GATE_STEPS=1000000 nice .venv/bin/python -m pytest tests/gates/test_walked.py -q -n 2
"""

import json
import os
from pathlib import Path

import pytest

from tests.gates.asked import recipients_key
from tests.gates.walked import Walked, prepared
from tests.stages.conftest import WalkTo

STEPS = 1000
"""Of one walk."""
WALKS = max(1, int(os.environ.get("CF_GATE_STEPS", "20000")) // STEPS)
FIRST = int(os.environ.get("CF_GATE_SEED", "1"))

#: What happens in every walk, if it is one at all.
HAPPENS = {
    "SUBMISSION_PUT_FORWARD", "PUT_FORWARD_REFUSED", "APPROVAL_REFUSED", "SUBMISSION_VOIDED", "OBJECTION_RECEIVED",
    "OBJECTION_LIFTED", "PROTECTION_MARKED", "RECORDS_MERGED", "CERTIFICATE_REVOKED",
    "DESTRUCTION_REFUSED",
}  # fmt: skip


@pytest.mark.parametrize("seed", range(FIRST, FIRST + WALKS))
def test_nobody_gets_past_a_gate(walk_to: WalkTo, seed: int) -> None:
    with prepared():
        walked = Walked(walk_to("assemble"), recipients_key(), seed)
        walked.steps(STEPS)
    if where := os.environ.get("CF_GATE_TOLD"):
        with Path(where).open("a") as file:
            file.write(json.dumps([seed, walked.checks.seen, walked.ends]) + "\n")
    assert set(walked.checks.seen) >= HAPPENS, HAPPENS - set(walked.checks.seen)

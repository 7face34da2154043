"""What may be said of a round's settings, when it is opened and when they are to change."""

from collections.abc import Collection, Sequence
from datetime import date

from cohorts.models import Agreement, Dataset, Round
from connecting_families.audit.refusals import Why


def days_and_scope_wrong(notice_days: int, scope: str) -> list[Why]:
    """What speaks against these days of notice and this scope."""
    reasons = []
    if not 0 <= notice_days <= 3650:
        reasons.append(Why("BAD_NOTICE_DAYS", "The days of notice are a whole number from 0 to 3650."))
    if scope not in Round.SCOPES:
        reasons.append(Why("BAD_SCOPE", f"The scope is {' or '.join(Round.SCOPES)}."))
    return reasons


def datasets_wrong(datasets: Sequence[str], cut_off: date, *, kept: Collection[str] = ()) -> list[Why]:
    """What speaks against these datasets for a cut-off; `kept` ones are the round's, whatever became of them."""
    register = {row.code: row for row in Dataset.objects.all()}
    reasons = []
    if not datasets:
        reasons.append(Why("NO_DATASET", "Name at least one dataset, several separated by semicolons."))
    twice = sorted({code for code in datasets if list(datasets).count(code) > 1})
    reasons += [Why("DATASET_TWICE", f"The dataset {code} is named twice.") for code in twice]
    for code in dict.fromkeys(datasets):
        if code in kept:
            continue
        if code not in register:
            known = ", ".join(row.code for row in register.values() if row.enabled)
            reasons.append(Why("UNKNOWN_DATASET", f"There is no dataset {code} in the register. It knows {known}."))
        elif not register[code].enabled or _out_of_register(register[code], cut_off):
            sentence = f"The dataset {code} ({register[code].name}) is not in use: no agreement defines a key for it."
            reasons.append(Why("DATASET_NOT_IN_USE", sentence))
    return reasons


def not_agreed(datasets: Sequence[str], agreement: Agreement) -> list[Why]:
    """Which of these datasets an agreement does not list."""
    missing = [code for code in datasets if code not in agreement.datasets]
    sentence = f"The agreement {agreement.reference} does not list the datasets {', '.join(missing)}."
    return [Why("AGREEMENT_LACKS_DATASET", sentence)] if missing else []


def _out_of_register(dataset: Dataset, day: date) -> bool:
    return not (dataset.in_register_from <= day and (dataset.in_register_to is None or dataset.in_register_to > day))

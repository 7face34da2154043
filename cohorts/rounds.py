"""Collection rounds: what is asked of every family, as at which day, under which agreement."""

import re
from collections.abc import Sequence
from datetime import date, datetime

from django.db import IntegrityError, transaction

from cohorts import frameworks
from cohorts.models import Agreement, Dataset, Round
from cohorts.rules.clocks import LONDON
from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who

CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,29}")


class NotOpened(Refused):
    """A collection round was refused."""

    event = Event.ROUND_REFUSED


@trail.stage
def open_round(
    *,
    code: str,
    cut_off: date,
    framework: str,
    datasets: Sequence[str],
    agreement: str,
    notice_days: int = 28,
    scope: str = "honoured",
    by: Who,
    at: datetime,
) -> Round:
    """Open a collection round with the newest version of its framework.

    `cut_off` is a date, the whole day included; `notice_days` are whole days before it. The recipients are those of
    the agreement. Raises NotOpened with every reason at once.
    """
    under = Agreement.objects.filter(reference=agreement).first()
    reasons = [
        *_settings_wrong(code, cut_off, notice_days, scope, at.astimezone(LONDON).date()),
        *_datasets_wrong(datasets, cut_off),
    ]
    if framework not in frameworks.codes():
        known = " or ".join(sorted(frameworks.codes()))
        reasons.append(Why("UNKNOWN_FRAMEWORK", f"There is no framework {framework}. Choose {known}."))
    if under is None:
        reasons.append(
            Why("UNKNOWN_AGREEMENT", f"There is no agreement {agreement}. Load it with agreements.csv first.")
        )
    elif not under.recipients:
        reasons.append(Why("NO_RECIPIENT", f"The agreement {agreement} names no recipient."))
    if Round.objects.filter(code=code).exists():
        reasons.append(Why("ROUND_EXISTS", f"A round {code} is open already. Choose another code."))
    if reasons or under is None:
        raise NotOpened(reasons, record="cohorts.round", reference=code[:60])
    try:
        with transaction.atomic():
            opened = Round.objects.create(
                code=code,
                cut_off=cut_off,
                framework=framework,
                framework_version=frameworks.load(framework).version,
                datasets=list(datasets),
                recipients=under.recipients,
                agreement=under,
                notice_days=notice_days,
                scope=scope,
                opened_at=at,
                opened_by=by.reference,
            )
    except IntegrityError:
        reason = Why("ROUND_EXISTS", f"A round {code} is open already. Choose another code.")
        raise NotOpened([reason], record="cohorts.round", reference=code) from None
    trail.record(Event.ROUND_OPENED, who=by, at=at, about=opened)
    return opened


def _settings_wrong(code: str, cut_off: date, notice_days: int, scope: str, today: date) -> list[Why]:
    reasons = []
    if not CODE.fullmatch(code):
        reasons.append(
            Why("BAD_CODE", "A round's code is up to 30 letters, digits and hyphens, for example 2026-AUTUMN.")
        )
    if cut_off > today:
        sentence = f"The cut-off {cut_off} lies in the future. Give today, {today}, or an earlier day."
        reasons.append(Why("CUT_OFF_IN_THE_FUTURE", sentence))
    if not 0 <= notice_days <= 3650:
        reasons.append(Why("BAD_NOTICE_DAYS", "The days of notice are a whole number from 0 to 3650."))
    if scope not in Round.SCOPES:
        reasons.append(Why("BAD_SCOPE", f"The scope is {' or '.join(Round.SCOPES)}."))
    return reasons


def _datasets_wrong(datasets: Sequence[str], cut_off: date) -> list[Why]:
    register = {row.code: row for row in Dataset.objects.all()}
    reasons = []
    if not datasets:
        reasons.append(Why("NO_DATASET", "Name at least one dataset, several separated by semicolons."))
    twice = sorted({code for code in datasets if list(datasets).count(code) > 1})
    reasons += [Why("DATASET_TWICE", f"The dataset {code} is named twice.") for code in twice]
    for code in dict.fromkeys(datasets):
        if code not in register:
            known = ", ".join(row.code for row in register.values() if row.enabled)
            reasons.append(Why("UNKNOWN_DATASET", f"There is no dataset {code} in the register. It knows {known}."))
        elif not register[code].enabled or _out_of_register(register[code], cut_off):
            sentence = f"The dataset {code} ({register[code].name}) is not in use: no agreement defines a key for it."
            reasons.append(Why("DATASET_NOT_IN_USE", sentence))
    return reasons


def _out_of_register(dataset: Dataset, day: date) -> bool:
    return not (dataset.in_register_from <= day and (dataset.in_register_to is None or dataset.in_register_to > day))

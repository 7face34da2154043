"""Collection rounds: what is asked of every family, as at which day, under which agreement."""

import re
from collections.abc import Sequence
from datetime import date, datetime

from django.db import IntegrityError, transaction

from cohorts import in_force, round_settings
from cohorts.models import Agreement, Round
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
    """Open a collection round with the version of its framework that is in force for new rounds.

    `cut_off` is a date, the whole day included; `notice_days` are whole days before it. The recipients are those of
    the agreement. Raises NotOpened with every reason at once.
    """
    under = Agreement.objects.filter(reference=agreement).first()
    versions = in_force.versions()
    reasons = [
        *_code_or_day_wrong(code, cut_off, at.astimezone(LONDON).date()),
        *round_settings.days_and_scope_wrong(notice_days, scope),
        *round_settings.datasets_wrong(datasets, cut_off),
    ]
    if framework not in versions:
        known = " or ".join(versions)
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
                framework_version=versions[framework],
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


def _code_or_day_wrong(code: str, cut_off: date, today: date) -> list[Why]:
    reasons = []
    if not CODE.fullmatch(code):
        reasons.append(
            Why("BAD_CODE", "A round's code is up to 30 letters, digits and hyphens, for example 2026-AUTUMN.")
        )
    if cut_off > today:
        sentence = f"The cut-off {cut_off} lies in the future. Give today, {today}, or an earlier day."
        reasons.append(Why("CUT_OFF_IN_THE_FUTURE", sentence))
    return reasons

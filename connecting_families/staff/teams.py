"""The register of teams: which there are, from which day until which. What names a team names it by its name."""

from datetime import date, datetime, timedelta

from connecting_families.audit import trail
from connecting_families.audit.events import Event
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who
from connecting_families.staff.models import Team, User


class NotInRegister(Refused):
    """Changing the register of teams was refused."""

    event = Event.TEAM_REFUSED


def names(on: date) -> list[str]:
    """The teams that there are on a day."""
    found = Team.objects.filter(from_on__lte=on).exclude(to_on__lte=on)
    return list(found.order_by("name").values_list("name", flat=True))


@trail.stage
def enter(*, name: str, from_on: date, by: Who, at: datetime) -> Team:
    """Enter a team. Raises NotInRegister where its name is empty, or in the register already."""
    name = " ".join(name.split())
    reasons = []
    if not name:
        reasons.append(Why("NO_NAME", "Enter the name of the team."))
    if Team.objects.filter(name__iexact=name).exists():
        reasons.append(Why("NAME_IN_USE", "A team of this name is, or was, in the register."))
    if reasons:
        raise NotInRegister(reasons, record="staff.team", reference=name[:60])
    row = Team.objects.create(name=name, from_on=from_on)
    trail.record(Event.TEAM_ENTERED, who=by, at=at, about=row)
    return row


@trail.stage
def end(*, team: Team, last_day: date, reason: str, by: Who, at: datetime) -> Team:
    """End a team with a day. Raises NotInRegister: ended already, before it began, somebody is still in it."""
    row = Team.objects.select_for_update().get(pk=team.pk)
    reasons = []
    if row.to_on is not None:
        reasons.append(Why("ENDED_ALREADY", "This team has its last day already."))
    if last_day < row.from_on:
        reasons.append(Why("ENDS_BEFORE_IT_BEGINS", "The last day must be the first day, or after it."))
    members = User.objects.filter(team=row.name, is_active=True).count()
    if members:
        people = "1 person is" if members == 1 else f"{members} people are"
        reasons.append(Why("STILL_IN_IT", f"{people} still in this team. Give them another one first."))
    if not reason.strip():
        reasons.append(Why("NO_REASON", "Say why. Write no names."))
    if reasons:
        raise NotInRegister(reasons, record="staff.team", reference=row.name)
    row.to_on = last_day + timedelta(days=1)
    row.save()
    trail.record(Event.TEAM_ENDED, who=by, at=at, about=row, reason=reason)
    return row

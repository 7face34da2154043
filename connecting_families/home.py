"""The home page: for each role what waits for it. Early Help is shown nothing of cohorts."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from kombu.exceptions import OperationalError
from redis import RedisError

from cohorts import queries, rights_register, unfinished
from cohorts.models import Cohort, Round, RuleChange
from cohorts.views.rule_changes import changes_table
from connecting_families import health, pulse, workers
from connecting_families.audit import seal, trail
from connecting_families.audit.trail import Who
from connecting_families.governance import checking, sifting, signing_off, verification
from connecting_families.governance.models import Verification
from connecting_families.governance.promises_views import table
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import link, tag
from connecting_families.kit.small_counts import in_words, rounded, tabulated
from connecting_families.staff.guards import acting, opened_by, somebody
from connecting_families.staff.roles import ROLES, Permission
from connecting_families.staff.views import in_role, moment
from transfers import approval, certificates, council, explained, retaining
from transfers.models import RecipientCertificate, Submission, Withdrawal
from transfers.rules.lifecycle import Stage
from transfers.views.withdrawals import withdrawals_table

WAITING = {
    Stage.DRAFT: "to be put forward",
    Stage.PUT_FORWARD: "to be approved by another person",
    Stage.SENT_BACK: "to be mended and taken up again",
    Stage.APPROVED: "to be sealed",
    Stage.SEALED: "to be delivered",
    Stage.SENDING: "for word of its delivery",
}
SUBMISSIONS = [Column("Submission"), Column("Stage"), Column("Waits"), Column("Open queries to explain", numeric=True)]
TO_APPROVE = [Column("Submission"), Column("Put forward"), Column("May you approve it?")]
ROUNDS = [Column("Round"), Column("Cut-off"), Column("Newest cohort"), Column("Its run"), Column("Submission")]
ENTRIES = [Column("When"), Column("What"), Column("Who")]
SHOWN = 10
"""Rows of a list on this page; each list has a page of its own."""


@opened_by()
def home(request: HttpRequest) -> HttpResponse:
    """What waits for this person."""
    who, at = acting(request), timezone.now()
    user = somebody(request)
    role = ROLES.get(user.role)
    context: dict[str, Any] = {"title": role.title if role else "Connecting Families", "role": role}
    context["early_help"] = user.may(Permission.SEE_OWN_FAMILIES)
    context["every_team"] = user.may(Permission.SEE_ALL_FAMILIES)
    if user.may(Permission.SEE_OWN_FAMILIES):
        team = None if context["every_team"] else user.team
        context |= _of_families(team, at, reviews=user.may(Permission.REVIEW_FLAGS))
    context["accounts"] = user.may(Permission.MANAGE_STAFF)
    if user.may(Permission.SEE_SUBMISSIONS):
        context |= {"heartbeat": f"{_heartbeat(at)} {seal.state(at)}", "submissions": _submissions()}
        waiting = list(Withdrawal.objects.filter(acknowledged_at=None).order_by("id")[:SHOWN])
        context["withdrawals"] = withdrawals_table(waiting, "Withdrawals that wait", "") if waiting else None
    if user.may(Permission.PREPARE_SUBMISSIONS):
        context |= {"rounds": _rounds(), "runs": Cohort.objects.filter(state=Cohort.REQUESTED).select_related("round")}
    if user.may(Permission.DECIDE_DUPLICATES):
        context["duplicates"] = queries.pairs_to_decide().count()
    context["looks"] = user.may(Permission.ASK_FOR_LOOKS)
    if user.may(Permission.ACCEPT_CERTIFICATES):
        context["ending"] = [*certificates.ending(at), *council.ending(at)]
    if user.may(Permission.APPROVE_SUBMISSIONS):
        context["to_approve"] = _to_approve(who, at)
    if user.may(Permission.DECIDE_RULES):
        proposed = RuleChange.objects.filter(state=RuleChange.PROPOSED).order_by("-id")[:SHOWN]
        context["to_decide"] = changes_table(proposed, "Changes to the rules for you to decide") if proposed else None
    if user.may(Permission.SEE_TRAIL):
        context |= {
            "unmatched": queries.standing_unmatched_objections(at),
            "undecided": queries.undecided_objections(at).count(),
            "to_destroy": retaining.due(at),
            "looks": sifting.to_check().count(),
            "sifting_failed": sifting.has_failed(),
            "rechecks": len(queries.rechecks_due(at)),
            "certificates": RecipientCertificate.objects.filter(second_accepted_by=None, revoked_at=None).count(),
            "requests": rights_register.counts(at),
            "entries": _entries(),
        }
    if user.may(Permission.ANSWER_FOR_PROMISES):
        standing = checking.standing(at)
        broken = [each for each in standing if not each.kept]
        context |= {
            "broken": table(broken, "Promises that are not known to be kept"), "are_broken": len(broken),
            "promises": len(standing), "verified": _night(at), "unsigned": signing_off.missing(at),
        }  # fmt: skip
    return render(request, "home.html", context)


def _of_families(team: str | None, at: datetime, *, reviews: bool) -> dict[str, Any]:
    """About how many families and people of a team (None: of every team) something waits of; nothing is said of few."""
    late = tabulated(queries.notices_due(team, at) if team != "" else {}).total
    asked = rights_register.of_team(team).filter(answered_at=None).count()
    unfinished_ones = len(unfinished.families(team, at)) if team != "" else 0
    return {
        "late": in_words(late, "people") if late else "people",
        "waiting": in_words(rounded(queries.waiting_objections(team, at)), "objections").capitalize(),
        "asked": in_words(rounded(asked), "questions or requests").capitalize(),
        "unfinished": in_words(rounded(unfinished_ones), "families").capitalize(),
        "to_review": in_words(rounded(unfinished.flags_to_review(at).count()), "flags").capitalize() if reviews else "",
    }


def _submissions() -> Table:
    waiting = Submission.objects.filter(stage__in=[stage.name for stage in WAITING]).select_related("cohort")
    rows = []
    for row in waiting.order_by("-id")[:SHOWN]:
        left = sum(explained.not_explained(row).values())
        rows.append([_link(row), tag(row.at_stage.value), _waits(row), left])
    return Table("Submissions that wait for somebody", SUBMISSIONS, rows, empty="No submission waits for anybody.")


def _waits(row: Submission) -> str:
    """What a submission waits for."""
    if row.delivery_stopped:
        return "for a person: delivering it was stopped"
    if row.next_attempt_at:
        return f"to be delivered: it did not get through, and is tried again on {moment(row.next_attempt_at)}"
    return WAITING[row.at_stage]


def _to_approve(who: Who, at: datetime) -> Table:
    rows = []
    forward = Submission.objects.filter(stage=Stage.PUT_FORWARD.name).select_related("cohort", "round__agreement")
    for row in forward.order_by("-id")[:SHOWN]:
        against = [(reason.sentence,) for reason in approval.reasons_against(row, who, at)]
        words = _list(against) if against else tag("Yes", "green")
        rows.append([_link(row), moment(row.put_forward_at), words])
    return Table("For you to approve", TO_APPROVE, rows, empty="Nothing is put forward for approval.")


def _rounds() -> Table:
    rows = []
    for row in Round.objects.order_by("-id")[:SHOWN]:
        cohort = row.cohorts.order_by("-id").first()
        live = Submission.objects.filter(round=row).exclude(stage=Stage.VOID.name).first()
        rows.append(
            [
                link(row.code, reverse("round", args=[row.code])),
                f"{row.cut_off:%-d %B %Y}",
                link(f"Cohort {cohort.pk}", reverse("cohort", args=[cohort.pk])) if cohort else "None asked for",
                Cohort.STATES[cohort.state] if cohort else "",
                live.at_stage.value if live else "None drafted",
            ]
        )
    return Table("Collection rounds", ROUNDS, rows, empty="No collection round was opened yet.")


def _entries() -> Table:
    rows = [
        [link(moment(e.timestamp), reverse("trail_entry", args=[e.pk])), e.sentence, in_role(e.who, e.role)]
        for e in trail.entries()[:5]
    ]
    return Table("The last entries of the trail", ENTRIES, rows)


def _night(at: datetime) -> dict[str, Any]:
    """What came of the last verification of the trail, and whether somebody must look at it."""
    row = verification.last()
    alarm = row is None or row.state != Verification.WHOLE or at - row.asked_at > checking.OLD
    return {"alarm": alarm, "words": _verified()}


def _heartbeat(at: datetime) -> str:
    """Whether the machinery behind the pages is alive: a worker, the queue, the last run, verification and backup."""
    last = Cohort.objects.filter(finished_at__isnull=False).order_by("-finished_at").first()
    run = f"The last run finished on {moment(last.finished_at)}." if last else "No run has finished yet."
    try:
        worker = "A worker answers." if workers.answering(0.5) else "No worker answers: none is there, or all are busy."
        worker += f" {_queue(pulse.look(settings.REDIS_URL))}"
    except (OSError, OperationalError, RedisError):
        worker = "The queue cannot be reached, so nothing is handed to the workers."
    return f"{worker} {run} {_verified()} {backed_up(at)}".rstrip()


def backed_up(at: datetime) -> str:
    """When the last backup was made; nothing where no setting tells by what that is known."""
    try:
        last = health.backed_up_at()
    except OSError:
        return "No backup was made yet."
    if last is None:
        return ""
    late = " That is too long ago: tell who looks after the server." if at - last > health.BACKED_UP else ""
    return f"The last backup was made on {moment(last)}.{late}"


def _queue(found: pulse.Pulse) -> str:
    if not found.waiting:
        return "Nothing waits in the queue."
    minutes = int(found.queue // 60)
    return f"The oldest work in the queue waits for {minutes} minute{'' if minutes == 1 else 's'}."


def _verified() -> str:
    last = Verification.objects.exclude(ended_at=None).order_by("-ended_at").first()
    if last is None or last.ended_at is None:
        return "The trail was never verified."
    return f"The trail was last verified on {moment(last.ended_at)}: {Verification.STATES[last.state].lower()}."


def _link(row: Submission) -> SafeString:
    return link(row.name, reverse("submission", args=[row.name]))


def _list(sentences: list[tuple[str]]) -> SafeString:
    return format_html_join("", '<p class="govuk-body-s">{}</p>', sentences)

"""Pages on the flag of a family: what is missing for it, flagging, lifting, and a manager's review.

They say nothing of cohorts: a flag says that a family is eligible, and no more.
"""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from cohorts import flags as stage
from cohorts import unfinished
from cohorts.forms.casework import FlagForm, LiftFlagForm, ReviewForm
from cohorts.models import Family, FlagReview
from cohorts.views.asked import ask_to_change, told
from cohorts.views.family_pages import day, flag_in_words, of_family, parts, today
from cohorts.views.problems import known_today, tally
from connecting_families.audit.refusals import Refused
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import link
from connecting_families.staff.guards import acting, opened_by, somebody
from connecting_families.staff.roles import Permission
from connecting_families.staff.views import facts, listed, moment

REVIEWS = [
    Column("Flagged from"),
    Column("By"),
    Column("Review"),
    Column("Reviewed by"),
    Column("What has to be put right"),
]
UNFINISHED = [Column("Family"), Column("What is left to do")]
TO_REVIEW = [Column("Family"), Column("Team"), Column("Flagged from"), Column("By")]
WHAT_IT_IS = (
    "A flag says that the family is eligible: a dependent child lives in it, and enough problems are evidenced. A"
    " manager looks at each flag that is set here. A flag changes nothing about the help that the family gets."
)


@of_family
def flag(request: HttpRequest, family: Family) -> HttpResponse:
    """Whether the family is flagged, what is missing, and what may be done about it."""
    at = timezone.now()
    known, asked = known_today(family, at)
    waiting = stage.waiting_review(family)
    lifted = family.lifted_on is not None and family.lifted_on <= today()
    against = stage.against_flagging(family, at)
    with transaction.atomic():
        missing = [] if against else stage.missing(family, today(), at)
    context = {
        "title": "Flag", "caption": f"Family {family.reference}", "parts": parts(family, "flag"), "note": WHAT_IT_IS,
        "state": facts(
            ("Flag", flag_in_words(family)),
            ("Set by", "" if lifted else family.flagged_by),
            ("Review", _review_in_words(family, waiting, lifted=lifted)),
        ),
        "reviews": _reviews(family),
        "may_flag": not against, "against_flagging": missing,
        "may_lift": not stage.against_lifting(family),
        "waiting": waiting if against else None,
        "against_reviewing": stage.against_reviewing(family, waiting, acting(request), at) if waiting else [],
        **tally(known, asked),
    }  # fmt: skip
    return render(request, "cohorts/flag.html", context | {"family": family})


def _review_in_words(family: Family, waiting: FlagReview | None, *, lifted: bool) -> str:
    """Where the flag stands with the managers; empty where there is none."""
    if family.flagged_on is None or lifted:
        return ""
    if waiting:
        return waiting.get_outcome_display()
    last = family.flag_reviews.filter(flagged_on=family.flagged_on, outcome=FlagReview.CONFIRMED).last()
    return last.get_outcome_display() if last else "The case system's files brought this flag: it is not reviewed here"


def _reviews(family: Family) -> Table | None:
    rows = [
        [
            day(row.flagged_on),
            row.flagged_by,
            row.get_outcome_display(),
            f"{row.reviewed_by}, {moment(row.reviewed_at)}" if row.reviewed_by else "",
            row.reason,
        ]
        for row in family.flag_reviews.order_by("-pk")
    ]
    return Table("Flags that were set here", REVIEWS, rows) if rows else None


@of_family
def set_flag(request: HttpRequest, family: Family) -> HttpResponse:
    """Flag the family from a day."""
    here = reverse("flag", args=[family.reference])
    if request.method == "GET" and stage.against_flagging(family, timezone.now()):
        return redirect(here)
    form = FlagForm(request.POST or None, initial={"flagged_on": today()})

    def act(given: Any, seen: Any) -> object:
        return stage.flag(family=family, on=given["flagged_on"], seen=seen, by=acting(request), at=timezone.now())

    page = {
        "title": "Flag this family", "caption": f"Family {family.reference}", "back_href": here,
        "submit": "Flag the family", "note": f"{WHAT_IT_IS} {_one_at_a_time(family)}".strip(),
    }  # fmt: skip
    done = "The family is flagged. A manager reviews the flag."
    return ask_to_change(request, form, family, act, done=done, to=here, page=page)


def _one_at_a_time(family: Family) -> str:
    if family.lifted_on is None:
        return ""
    return f"The flag before stood until {day(family.lifted_on)}. The family counts as flagged from the new day alone."


@of_family
def lift_flag(request: HttpRequest, family: Family) -> HttpResponse:
    """Lift the flag from a day, for a reason."""
    here = reverse("flag", args=[family.reference])
    if request.method == "GET" and stage.against_lifting(family):
        return redirect(here)
    form = LiftFlagForm(request.POST or None, initial={"lifted_on": today(), "flagged_on": family.flagged_on})

    def act(given: Any, seen: Any) -> object:
        asked = {"on": given["lifted_on"], "reason": given["reason"], "seen": seen}
        return stage.lift(family=family, **asked, by=acting(request), at=timezone.now())

    page = {
        "title": "Lift the flag", "caption": f"Family {family.reference}", "back_href": here, "submit": "Lift the flag",
        "note": f"{flag_in_words(family)}. Lifting it changes nothing about the days before.",
    }  # fmt: skip
    done = "The flag is lifted."
    return ask_to_change(request, form, family, act, done=done, to=here, page=page)


@lambda view: of_family(view, Permission.REVIEW_FLAGS)
def review_flag(request: HttpRequest, family: Family, number: int) -> HttpResponse:
    """Confirm a flag, or send it back with a reason."""
    waiting = get_object_or_404(FlagReview, family=family, pk=number)
    here, at, by = reverse("flag", args=[family.reference]), timezone.now(), acting(request)
    if request.method == "GET" and stage.against_reviewing(family, waiting, by, at):
        return redirect(here)
    form = ReviewForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            done = stage.review(waiting=waiting, **form.cleaned_data, by=by, at=at)
        except Refused as refusal:
            told(form, refusal)
        else:
            sent_back = done.outcome == FlagReview.SENT_BACK
            messages.success(request, "The flag is sent back, and lifted." if sent_back else "The flag is confirmed.")
            return redirect(here)
    known, asked = known_today(family, at)
    context = {
        "title": "Review the flag", "caption": f"Family {family.reference}", "form": form, "back_href": here,
        "submit": "Record the review",
        "note": f"Flagged from {day(waiting.flagged_on)} by {waiting.flagged_by}.", **tally(known, asked),
    }  # fmt: skip
    return render(request, "cohorts/flag_review.html", context)


@opened_by(Permission.SEE_OWN_FAMILIES)
def families_to_finish(request: HttpRequest) -> HttpResponse:
    """Families that lack nothing but their flag, and flagged ones that lack something."""
    team = team_of(request)
    found = unfinished.families(team, timezone.now()) if team != "" else []
    listed(request, "families_to_finish", families=[each.family_ref for each in found])
    rows = [
        [
            link(each.family_ref, reverse("flag", args=[each.family_ref]), "flag"),
            " ".join(("Flagged, and lacks something:", *each.missing)) if each.missing else
            "Nothing is missing: flag it, or leave it unflagged if you know why.",
        ]
        for each in found
    ]  # fmt: skip
    whose = "of every team" if team is None else f"of your team, {team or 'none yet'},"
    context = {
        "title": "Families to finish", "back_href": reverse("home"),
        "note": f"Of the families {whose} the last {unfinished.LOOKED_AT} that were opened or changed are looked at.",
        "table": Table("Families to finish", UNFINISHED, rows, empty="No family is left to finish."),
    }  # fmt: skip
    return render(request, "cohorts/wishes/due.html", context)


@opened_by(Permission.REVIEW_FLAGS)
def flags_to_review(request: HttpRequest) -> HttpResponse:
    """Flags that wait for a manager."""
    at: datetime = timezone.now()
    waiting = list(unfinished.flags_to_review(at)[:SHOWN])
    listed(request, "flags_to_review", families=[row.family.reference for row in waiting])
    rows = [
        [
            link(row.family.reference, reverse("flag", args=[row.family.reference]), "flag"),
            row.family.team,
            day(row.flagged_on),
            row.flagged_by,
        ]
        for row in waiting
    ]
    context = {
        "title": "Flags to review", "back_href": reverse("home"),
        "note": f"Flags set here that no manager looked at yet, the longest waiting first; {SHOWN} at most.",
        "table": Table("Flags to review", TO_REVIEW, rows, empty="No flag waits for a review."),
    }  # fmt: skip
    return render(request, "cohorts/wishes/due.html", context)


SHOWN = 100


def team_of(request: HttpRequest) -> str | None:
    """Whose families somebody looks after: those of a team, or (None) of all."""
    user = somebody(request)
    return None if user.may(Permission.SEE_ALL_FAMILIES) else user.team

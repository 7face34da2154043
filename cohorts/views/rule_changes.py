"""Pages of changes of the rules: proposing one, what it changes, and deciding it as a second person."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from cohorts import changing, frameworks, in_force
from cohorts import rule_changes as stage
from cohorts.comparing import Kind
from cohorts.forms.registers import ReasonForm
from cohorts.forms.rule_changes import RoundRulesForm
from cohorts.models import DryRun, Round, RuleChange, Settings
from cohorts.views.asked import told
from connecting_families.audit.refusals import Reasoned, Refused
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import link, tag
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.roles import Permission
from connecting_families.staff.views import facts, moment, refused_form, role_reasons

CHANGES = [Column("Change"), Column("What changes"), Column("Proposed"), Column("By"), Column("State")]
SETTINGS = [Column("Setting"), Column("Without the change"), Column("With the change")]
DRY_RUNS = [Column("Dry run"), Column("Asked for"), Column("By"), Column("State"), Column("What it says")]
COLOURS = {RuleChange.PROPOSED: "yellow", RuleChange.ACTIVATED: "green", RuleChange.REFUSED: "red",
           RuleChange.WITHDRAWN: "grey"}  # fmt: skip
RUN_COLOURS = {DryRun.FINISHED: "green", DryRun.FAILED: "red", DryRun.REQUESTED: "yellow"}


@opened_by(Permission.SEE_COHORTS)
def rule_changes(request: HttpRequest, code: str) -> HttpResponse:
    """Every change of a round's rules, the newest first."""
    row = get_object_or_404(Round, code=code)
    context = {
        "title": "Changes to the rules", "caption": f"Collection round {row.code}", "round": row,
        "back_href": reverse("round", args=[row.code]),
        "reasons": role_reasons(request, Permission.PROPOSE_RULES) or changing.being_changed(row, row.framework),
        "table": changes_table(row.rule_changes.order_by("-id")),
    }  # fmt: skip
    return render(request, "cohorts/rule_changes.html", context)


def changes_table(changes: Iterable[RuleChange], caption: str = "Changes to the rules") -> Table:
    """Changes of the rules, as a list."""
    rows = [
        [
            link(f"Change {row.pk}", reverse("rule_change", args=[row.pk])),
            "; ".join(it.setting for it in differences(row)),
            moment(row.proposed_at),
            row.proposed_by,
            tag(RuleChange.STATES[row.state], COLOURS[row.state]),
        ]
        for row in changes
    ]
    return Table(caption, CHANGES, rows, empty="No change was proposed yet.")


def differences(row: RuleChange) -> list[in_force.Different]:
    """What a change changes of that which was in force when it was proposed."""
    before = row.before
    was = Settings(
        before["framework_version"], tuple(before.get("datasets", ())), before.get("notice_days", 0),
        before.get("scope", ""),
    )  # fmt: skip
    return in_force.differences(was, row.wanted(was))


@opened_by(Permission.PROPOSE_RULES)
def propose_rule_change(request: HttpRequest, code: str) -> HttpResponse:
    """Propose what a round shall ask from now on."""
    row = get_object_or_404(Round.objects.select_related("agreement"), code=code)
    here = reverse("rule_changes", args=[row.code])
    form = RoundRulesForm(request.POST or None, row)
    note = "Nothing changes yet: the change is tried on the last cohorts, and somebody else activates or refuses it."
    page = {
        "title": "Propose a change to the rules", "caption": f"Collection round {row.code}", "back_href": here,
        "submit": "Propose it", "note": note,
    }  # fmt: skip

    def act(given: dict[str, Any]) -> RuleChange:
        return stage.propose(round_=row, **given, by=acting(request), at=timezone.now())

    return _ask(request, form, act, "The change is proposed. Try it next.", page)


@opened_by(Permission.PROPOSE_RULES)
def propose_framework(request: HttpRequest, code: str) -> HttpResponse:
    """Propose that new rounds take a version of a framework."""
    name, _, version = code.partition("-")
    if version not in frameworks.versions(name):
        raise Http404
    note = f"New rounds under {name} would take the version {version}. Rounds that are open keep theirs."
    page = {
        "title": "Propose a version for new rounds", "caption": f"Framework {name}, version {version}",
        "back_href": reverse("framework", args=[code]), "submit": "Propose it", "note": note,
    }  # fmt: skip

    def act(given: dict[str, Any]) -> RuleChange:
        asked = {"framework": name, "version": version}
        return stage.propose_framework(**asked, **given, by=acting(request), at=timezone.now())

    return _ask(request, ReasonForm(request.POST or None), act, "The change is proposed. Try it next.", page)


@opened_by(Permission.SEE_COHORTS)
def rule_change(request: HttpRequest, number: int) -> HttpResponse:
    """One change of the rules: what it changes, its dry runs, and what may be done with it."""
    return show(request, row_of(number))


@require_POST
@opened_by(Permission.DECIDE_RULES)
def activate(request: HttpRequest, number: int) -> HttpResponse:
    """Let a change count from now on."""
    row = row_of(number)
    try:
        stage.activate(change=row, by=acting(request), at=timezone.now())
    except Refused as refusal:
        return show(request, row_of(number), refusal.reasons)
    messages.success(request, "The change is activated. It counts for whatever is asked for from now on.")
    return redirect("rule_change", row.pk)


@opened_by(Permission.DECIDE_RULES, takes=True)
def refuse(request: HttpRequest, number: int) -> HttpResponse:
    """Refuse a change, with a reason."""
    row = row_of(number)
    against = changing.against_refusing(row, acting(request))
    return _let_go(request, row, stage.refuse, against, "Refuse the change", "The change is refused.")


@opened_by(Permission.PROPOSE_RULES, takes=True)
def withdraw(request: HttpRequest, number: int) -> HttpResponse:
    """Withdraw a change, with a reason."""
    row = row_of(number)
    against = changing.against_withdrawing(row)
    return _let_go(request, row, stage.withdraw, against, "Withdraw the change", "The change is withdrawn.")


def row_of(number: int) -> RuleChange:
    """The change of this number, or there is no such page."""
    return get_object_or_404(RuleChange.objects.select_related("round__agreement", "rests_on"), pk=number)


def _let_go(
    request: HttpRequest, row: RuleChange, act: Callable[..., RuleChange], against: Sequence[Reasoned], title: str,
    done: str,
) -> HttpResponse:  # fmt: skip
    if request.method != "POST" and against:
        return redirect("rule_change", row.pk)
    page = {
        "title": title, "caption": f"{row.what}, change {row.pk}", "submit": title,
        "back_href": reverse("rule_change", args=[row.pk]),
    }  # fmt: skip

    def decide(given: dict[str, Any]) -> RuleChange:
        return act(change=row, **given, by=acting(request), at=timezone.now())

    return _ask(request, ReasonForm(request.POST or None), decide, done, page)


def _ask(
    request: HttpRequest, form: Form, act: Callable[[dict[str, Any]], RuleChange], done: str, page: dict[str, Any]
) -> HttpResponse:
    """A form for one act, which leads to the change; what speaks against it stands at the top."""
    if request.method == "POST" and form.is_valid():
        try:
            row = act(form.cleaned_data)
        except Refused as refusal:
            told(form, refusal)
        else:
            messages.success(request, done)
            return redirect("rule_change", row.pk)
    return render(request, "cohorts/form.html", {**page, "form": form})


def show(request: HttpRequest, row: RuleChange, refused: Sequence[Reasoned] = ()) -> HttpResponse:
    """The page of a change; `refused` is why the act that was just asked for was not done."""
    by = acting(request)
    may_decide = role_reasons(request, Permission.DECIDE_RULES)
    may_try = role_reasons(request, Permission.PROPOSE_RULES) and may_decide
    last = changing.last_dry_run(row)
    back = reverse("rule_changes", args=[row.round.code]) if row.round else reverse("frameworks")
    context = {
        "title": f"Change {row.pk} to the rules", "caption": row.what, "change": row, "back_href": back,
        "forms": [refused_form(refused)] if refused else [],
        "facts": _facts(row),
        "settings": Table("What changes", SETTINGS, [list(it) for it in differences(row)]),
        "runs": _runs(row),
        "open": row.state == RuleChange.PROPOSED,
        "last": last,
        "try_it": may_try or changing.against_trying(row),
        "running": row.dry_runs.filter(state=DryRun.REQUESTED).first(),
        "activate": may_decide or changing.against_activating(row, by),
        "refuse": may_decide or changing.against_refusing(row, by),
        "withdraw": role_reasons(request, Permission.PROPOSE_RULES),
    }  # fmt: skip
    return render(request, "cohorts/rule_change.html", context, status=409 if refused else 200)


def _facts(row: RuleChange) -> list[dict[str, Any]]:
    return facts(
        ("State", tag(RuleChange.STATES[row.state], COLOURS[row.state])),
        ("Framework", row.framework),
        ("Proposed", f"{moment(row.proposed_at)} by {row.proposed_by}"),
        ("Why", row.reason),
        (RuleChange.STATES[row.state], f"{moment(row.decided_at)} by {row.decided_by}" if row.decided_at else ""),
        ("Why it was " + RuleChange.STATES[row.state].lower(), row.decided_because),
        ("Activated after", f"Dry run {row.rests_on}" if row.rests_on else ""),
    )


def _runs(row: RuleChange) -> Table:
    rows = [
        [
            link(f"Dry run {run.pk}", reverse("dry_run", args=[run.pk])),
            moment(run.requested_at),
            run.requested_by,
            tag(DryRun.STATES[run.state], RUN_COLOURS[run.state]),
            in_a_sentence(run.outcome[0]) if run.outcome else "",
        ]
        for run in row.dry_runs.order_by("-pk")
    ]
    return Table("Dry runs", DRY_RUNS, rows, empty="It was not tried yet.")


def people(outcome: dict[str, Any], kind: Kind) -> int:
    """How many people of a kind the outcome for one cohort counts."""
    return sum(number for name, _, number in outcome["counts"] if name == kind.name)


def in_a_sentence(outcome: dict[str, Any]) -> str:
    """What a change would do to one cohort."""
    came, went, changed = (people(outcome, kind) for kind in (Kind.CAME, Kind.WENT, Kind.CHANGED))
    return f"Of cohort {outcome['cohort']}, {came:,} would come, {went:,} would go and {changed:,} would change."

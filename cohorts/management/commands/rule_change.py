"""Changes of the rules at the prompt: each act refuses exactly as its page does."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from cohorts import rule_changes, trying
from cohorts.models import DryRun, Round, RuleChange
from connecting_families.audit.refusals import Refused, Why
from connecting_families.audit.trail import Who, duty
from connecting_families.commands import Act
from connecting_families.staff.roles import Permission

PERMISSIONS = {
    "propose": Permission.PROPOSE_RULES,
    "propose-framework": Permission.PROPOSE_RULES,
    "try": Permission.PROPOSE_RULES,
    "show": Permission.SEE_COHORTS,
    "activate": Permission.DECIDE_RULES,
    "refuse": Permission.DECIDE_RULES,
    "withdraw": Permission.PROPOSE_RULES,
}


class Command(Act):
    """rule_change propose|propose-framework|try|show|activate|refuse|withdraw … --by USERNAME."""

    help = "Proposes a change of the rules, tries it on the last cohorts, and lets a second person decide it."
    permissions = PERMISSIONS

    def add_arguments(self, parser: CommandParser) -> None:
        """One sub-command per act."""
        acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
        propose = acts.add_parser("propose", help="propose what a round shall ask; what is not named stays")
        propose.add_argument("round", help="the round's code")
        propose.add_argument("--framework-version", help="such as 2015-04")
        propose.add_argument("--datasets", help="codes separated by semicolons")
        propose.add_argument("--notice-days", type=int)
        propose.add_argument("--scope", choices=list(Round.SCOPES))
        framework = acts.add_parser("propose-framework", help="propose the version that new rounds take")
        framework.add_argument("framework", help="TF or SF")
        framework.add_argument("version", help="such as 2015-04")
        given = [propose, framework]
        for act, what in (
            ("try", "ask the rules without the change and with it, on the last cohorts; nothing changes"),
            ("show", "show the outcome of the last dry run: whoever activates must have seen it"),
            ("activate", "let it count from now on"),
            ("refuse", "refuse it as a second person"),
            ("withdraw", "withdraw it"),
        ):
            one = acts.add_parser(act, help=what)
            one.add_argument("change", type=int, help="the number that propose printed")
            given.append(one)
        for each in given:
            self.ask_for_a_name(each)
            if each.prog.split()[-1] in ("propose", "propose-framework", "refuse", "withdraw"):
                each.add_argument("--reason", required=True, help="a sentence, without names")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do the one act."""
        act = options["act"]
        by = self.given_by(options, act)
        if act == "propose":
            self.result(_said(self._propose(options, by)))
        elif act == "propose-framework":
            asked = {name: options[name] for name in ("framework", "version", "reason")}
            self.result(_said(rule_changes.propose_framework(**asked, by=by, at=self.now())))
        else:
            self._act(act, _change(options["change"]), by, options)

    def _propose(self, options: dict[str, Any], by: Who) -> RuleChange:
        row = Round.objects.filter(code=options["round"]).first()
        if row is None:
            raise Refused([Why("UNKNOWN_ROUND", f"There is no round {options['round']}.")])
        asked = row.settings._asdict() | {"datasets": list(row.datasets)}
        asked |= {name: options[name] for name in asked if options[name] is not None}
        if isinstance(asked["datasets"], str):
            asked["datasets"] = [code.strip() for code in asked["datasets"].split(";") if code.strip()]
        return rule_changes.propose(round_=row, **asked, reason=options["reason"], by=by, at=self.now())

    def _act(self, act: str, row: RuleChange, by: Who, options: dict[str, Any]) -> None:
        if act == "try":
            asked = trying.request(change=row, by=by, at=self.now())
            run = trying.try_out(asked.pk, by=duty("try"), at=self.now())
            if run is None:
                raise CommandError(f"A worker is at dry run {asked.pk} already. Ask for its outcome.", returncode=1)
            self.result(_made(run, whole=False))
        elif act == "show":
            self.result(self._show(row, by))
        else:
            done = {"refuse": rule_changes.refuse, "withdraw": rule_changes.withdraw}.get(act)
            if done is None:
                self.result(_said(rule_changes.activate(change=row, by=by, at=self.now())))
            else:
                self.result(_said(done(change=row, reason=options["reason"], by=by, at=self.now())))

    def _show(self, row: RuleChange, by: Who) -> dict[str, Any]:
        run = row.dry_runs.filter(state=DryRun.FINISHED).order_by("-pk").first()
        if run is None:
            raise Refused([Why("NOT_TRIED", "Nobody tried this change yet.")])
        trying.look(run=run, by=by, at=self.now())
        return _made(run, whole=True)


def _change(number: int) -> RuleChange:
    row = RuleChange.objects.select_related("round__agreement").filter(pk=number).first()
    if row is None:
        raise Refused([Why("UNKNOWN_CHANGE", f"There is no change {number} of the rules.")])
    return row


def _said(row: RuleChange) -> dict[str, Any]:
    return {
        "change": row.pk,
        "round": row.round.code if row.round else None,
        "framework": row.framework,
        "framework_version": row.framework_version,
        "datasets": row.datasets,
        "notice_days": row.notice_days,
        "scope": row.scope,
        "before": row.before,
        "state": row.state,
    }


def _made(run: DryRun, *, whole: bool) -> dict[str, Any]:
    outcome = run.outcome if whole else [{k: v for k, v in each.items() if k != "people"} for each in run.outcome]
    return {"change": run.change_id, "dry_run": run.pk, "seconds": run.seconds, "cohorts": outcome}

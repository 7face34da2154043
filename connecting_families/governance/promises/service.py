"""Promises 5 and 6: it decides nothing about anyone's service, and results are of groups alone."""

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache

from django.template import TemplateDoesNotExist
from django.template.loader import get_template
from django.urls import reverse

from connecting_families.audit.refusals import Why
from connecting_families.governance.promises import routes
from connecting_families.governance.promises.shown import Shown, counted, refused
from connecting_families.kit import small_counts
from connecting_families.staff.roles import ROLES, Permission

P = Permission
SUPPORTS = frozenset({P.SEE_OWN_FAMILIES, P.SEE_ALL_FAMILIES})
"""Who may do this decides about a family's service."""
COHORTS = frozenset({
    P.SEE_COHORTS, P.ASSEMBLE_COHORTS, P.OPEN_ROUNDS, P.PROPOSE_RULES, P.DECIDE_RULES, P.SEE_SUBMISSIONS,
    P.PREPARE_SUBMISSIONS, P.APPROVE_SUBMISSIONS, P.SEND_SUBMISSIONS, P.VOID_SUBMISSIONS, P.DECIDE_OBJECTIONS,
    P.SEE_TRAIL, P.ANSWER_FOR_PROMISES,
})  # fmt: skip
"""Who may do this may learn who is in a cohort."""
COUNTS = frozenset({P.SEE_EXACT_COUNTS, P.SEE_COHORTS, P.SEE_SUBMISSIONS, P.ANSWER_FOR_PROMISES})
"""What shows exact counts of people: of a cohort, or of any kind in the lists of others."""
SUPPRESSING = (
    "connecting_families.home",
    "cohorts.views.notices",
    "cohorts.views.to_mend",
    "connecting_families.templatetags.kit",
)
"""What says counts to others: home, work lists, and the head of every list. Each has them said by small_counts."""
MAY_SEE_COUNTS = frozenset({"data_preparer", "data_approver", "information_governance"})
SHARED = frozenset({"connecting_families.home"})
"""The home page asks of each of its lists whether this person may see it; the tests open it as every role."""
TELLING = re.compile(r"\b(cohorts?|decisions?|submissions?|linkage_scope|withdrawals?|included)\b")
MODELS = frozenset({"Cohort", "Decision", "Submission", "PersonReference", "Withdrawn", "Rejection"})
NAMED = re.compile(r"[\"']([\w/]+\.html)[\"']")
FRAME = frozenset({"base.html"})
"""What stands around every page says where its reader may go, and nothing of a family."""
WRITTEN_IN = re.compile(r"{[{%].*?[}%]}", re.DOTALL)


def early_help() -> list[str]:
    """The roles that decide about a family's service."""
    return [code for code, role in ROLES.items() if role.permits & SUPPORTS]


def check_service(at: datetime) -> list[Why]:  # noqa: ARG001 - every check is asked so
    """Roles that decide about a service and may learn who is in a cohort; pages of theirs that could tell."""
    reasons = []
    for code in early_help():
        if both := ROLES[code].permits & COHORTS:
            may = ", ".join(sorted(each.name for each in both))
            sentence = f"The role {ROLES[code].title} supports families and may learn who is in a cohort: {may}."
            reasons.append(Why("ROLE_LEARNS_OF_COHORTS", sentence))
    for module in _modules():
        if names := _models_read(module):
            sentence = f"Pages of {module} open to Early Help and read {', '.join(names)}."
            reasons.append(Why("PAGE_READS_COHORTS", sentence))
        for template, words in _templates_of(module):
            sentence = f"The template {template} is shown to Early Help and reads {', '.join(words)}."
            reasons.append(Why("TEMPLATE_READS_COHORTS", sentence))
    return reasons


def _modules() -> list[str]:
    """The modules of pages that open to Early Help by a permission of its own."""
    theirs = set(early_help())
    return sorted(
        {route.module for route in routes.routes() if route.permissions and theirs & set(route.roles)} - SHARED
    )


def _models_read(module: str) -> list[str]:
    return sorted(MODELS & set(vars(sys.modules[module])))


def _templates_of(module: str) -> Iterator[tuple[str, list[str]]]:
    """The templates that a module names, and those that they include or extend, which read what could tell."""
    waiting, seen = list(_named_in(module)), set[str]()
    while waiting:
        name = waiting.pop()
        if name not in seen | FRAME:
            seen.add(name)
            source = _source(name)
            waiting += NAMED.findall(source)
            if words := _words(source):
                yield name, words


@lru_cache(maxsize=256)
def _named_in(module: str) -> tuple[str, ...]:
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    texts = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return tuple(sorted({text for text in texts if isinstance(text, str) and text.endswith(".html")}))


def _source(name: str) -> str:
    try:
        return str(get_template(name).template.source)  # type: ignore[attr-defined]
    except TemplateDoesNotExist:
        return ""


def _words(source: str) -> list[str]:
    """What a template reads that could tell of a cohort; names of addresses and texts apart."""
    read = (re.sub(r"'[^']*'|\"[^\"]*\"", "", written) for written in WRITTEN_IN.findall(source))
    return sorted({word for written in read for word in TELLING.findall(written)})


def service_evidence(at: datetime) -> list[Shown]:  # noqa: ARG001 - all evidence is asked so
    """Who supports families, what these roles may not, and which of their pages were read."""
    titles = ", ".join(ROLES[code].title for code in early_help())
    pages = [route for route in routes.routes() if route.permissions and set(early_help()) & set(route.roles)]
    return [
        Shown("Roles that support families", titles, reverse("who_may")),
        Shown("Permissions that tell of cohorts, which they lack", f"{len(COHORTS)}", reverse("who_may")),
        Shown("Pages of theirs that were looked through", counted(len(pages), "page")),
        refused("Pages that were refused", "ACCESS_REFUSED"),
    ]


def check_groups(at: datetime) -> list[Why]:  # noqa: ARG001 - every check is asked so
    """Exact counts of people in a cohort that open to anybody outside the data team and governance."""
    reasons = []
    for code, role in ROLES.items():
        if code not in MAY_SEE_COUNTS and (both := role.permits & COUNTS):
            may = ", ".join(sorted(each.name for each in both))
            sentence = f"The role {role.title} is shown exact counts of people: {may}."
            reasons.append(Why("ROLE_SEES_EXACT_COUNTS", sentence))
    return [*reasons, *_suppression()]


def _suppression() -> list[Why]:
    """Where counts for others are not withheld below ten, not rounded to five, or not asked of that rule."""
    said = {number: small_counts.rounded(number) for number in range(1000)}
    reasons = []
    if any(said[number] is not None for number in range(10)):
        reasons.append(Why("SMALL_COUNT_SAID", "A count below ten would be said to others."))
    if any(count is None or count % 5 or abs(count - number) > 4 for number, count in said.items() if number >= 10):
        reasons.append(
            Why("COUNT_NOT_ROUNDED", "A count from ten on would be said to others without rounding it to five.")
        )
    if small_counts.tabulated({"one": 40, "other": 3}).total is not None:
        sentence = "A total would be said to others that gives away a count which is withheld."
        reasons.append(Why("TOTAL_GIVES_AWAY", sentence))
    return reasons + [
        Why("COUNTS_UNROUNDED", f"Pages of {name} say counts to others, and do not ask how they may be said.")
        for name in SUPPRESSING
        if "small_counts" not in inspect.getsource(sys.modules[name])
    ]


def groups_evidence(at: datetime) -> list[Shown]:  # noqa: ARG001 - all evidence is asked so
    """To whom counts of people in cohorts open."""
    exact = [route for route in routes.routes() if set(route.permissions or ()) & COUNTS]
    titles = ", ".join(ROLES[code].title for code in sorted(MAY_SEE_COUNTS))
    return [
        Shown("Roles that see exact counts", titles, reverse("who_may")),
        Shown("Pages with such counts", counted(len(exact), "page")),
        Shown("Counts of cohorts for anybody else", "None is shown"),
        Shown(
            "Other counts for anybody else", f"Rounded to {small_counts.BASE}, and none below {small_counts.SMALLEST}"
        ),
    ]

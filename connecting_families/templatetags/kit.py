"""The page kit's tags: {% load kit %}. The markup of each is in templates/kit/."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django import forms, template
from django.core.paginator import Page
from django.template.context import RequestContext
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

from connecting_families.kit import lists, pieces, small_counts
from connecting_families.kit.charts import Bars, Flow
from connecting_families.kit.lists import Table
from connecting_families.kit.renderer import error_links

register = template.Library()
# What a template looks for and does not find costs it more than all that it finds in a row.
TASK, EVENT = {"href": "", "hint": "", "cannot_start": False}, {"by": "", "text": ""}


@register.simple_tag(takes_context=True)
def error_prefix(context: Mapping[str, Any]) -> str:
    """`Error: ` where a form of this page has errors, for the start of the title."""
    return "Error: " if _errors(context) else ""


@register.inclusion_tag("kit/error_summary.html", takes_context=True)
def error_summary(context: Mapping[str, Any]) -> dict[str, Any]:
    """What is to be mended on this page: the errors of `form`, of each of `forms`, and of `formset`."""
    return {"links": _errors(context)}


def _errors(context: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The errors of every form of a page, in that order; only of forms that somebody sent."""
    formset = context.get("formset")
    general = [("", str(sentence)) for sentence in formset.non_form_errors()] if formset else []
    forms = [form for form in (context.get("form"), *(context.get("forms") or ()), *(formset or ())) if form]
    return general + [link for form in forms if form.is_bound for link in error_links(form)]


@register.simple_tag
def tag(text: object, colour: str = "blue") -> SafeString:
    """A state in a coloured box: {% tag "Expired" "red" %}. See pieces.COLOURS."""
    return pieces.tag(text, colour)


@register.inclusion_tag("kit/summary_list.html")
def summary_list(rows: Iterable[Mapping[str, Any]], card: str = "") -> dict[str, Any]:
    """Facts about one thing: rows of {"key", "value", "actions": [{"text", "href", "hidden"}]}; `card` is its title."""
    rows = [{"actions": (), **row} for row in rows]
    return {"rows": rows, "card": card, "any_actions": any(row["actions"] for row in rows)}


@register.inclusion_tag("kit/table.html")
def table(table: Table) -> dict[str, Any]:
    """A table that scrolls inside its own region (kit.lists.Table)."""
    return {"table": table}


@register.inclusion_tag("kit/filter_tags.html", takes_context=True)
def filter_tags(context: RequestContext, form: forms.BaseForm) -> dict[str, Any]:
    """What a list is narrowed to now, each with a link that takes it away. Nothing where nothing was chosen."""
    return {"chosen": lists.chosen(form, context["request"].GET)}


@register.inclusion_tag("kit/found.html", takes_context=True)
def found(context: Mapping[str, Any], number: int) -> dict[str, Any]:
    """How many a list has: exactly for who may know (the frame says so), else about so many, and nothing of few."""
    if context.get("exact_counts"):
        return {"words": f"{number:,}"}
    said = small_counts.rounded(number)
    return {"words": f"About {said:,}" if said else ""}


@register.inclusion_tag("kit/pagination.html", takes_context=True)
def pagination(context: RequestContext, page: Page[Any]) -> dict[str, Any]:
    """Links to the other pages of a list; the filters and the order are kept. Nothing where there is one page."""
    query = context["request"].GET.copy()

    def href(number: int) -> str:
        query["page"] = str(number)
        return f"?{query.urlencode()}"

    items = []
    for number in page.paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1):
        where = href(number) if isinstance(number, int) else ""
        items.append({"number": number, "href": where, "here": number == page.number})
    return {
        "items": items,
        "previous": href(page.number - 1) if page.has_previous() else "",
        "next": href(page.number + 1) if page.has_next() else "",
        "several": page.has_other_pages(),
    }


@register.simple_tag
def page_number(page: Page[Any] | None) -> str:
    """` (page 2 of 5)` for the title; nothing where there is one page."""
    return f" (page {page.number} of {page.paginator.num_pages})" if page and page.has_other_pages() else ""


@register.inclusion_tag("kit/task_list.html")
def task_list(items: Iterable[Mapping[str, Any]], prefix: str = "task-list") -> dict[str, Any]:
    """What is to do: items of {"title", "href", "hint", "status", "colour"}; without a colour the status is plain text.

    `cannot_start` marks a status that waits for something else. A second list on a page needs another `prefix`.
    """
    shown = []
    for number, item in enumerate(items, 1):
        colour = item.get("colour")
        status = pieces.tag(item["status"], colour) if colour else item["status"]
        shown.append({**TASK, **item, "id": f"{prefix}-{number}", "status": status})
    return {"items": shown}


@register.inclusion_tag("kit/timeline.html")
def timeline(items: Iterable[Mapping[str, Any]], level: int = 2) -> dict[str, Any]:
    """What happened: items of {"title", "by", "at" (a datetime or a date), "text"}, newest first as given.

    `level` is the level of the headings.
    """
    return {"items": [{**EVENT, **item, **_when(item["at"])} for item in items], "level": level}


def _when(at: date) -> dict[str, str]:
    """A day, or an instant in the time of London: for machines, and in words."""
    if not isinstance(at, datetime):
        return {"at": at.isoformat(), "on": f"{at:%-d %B %Y}"}
    here = localtime(at)
    return {"at": f"{here:%Y-%m-%dT%H:%M%z}", "on": f"{here:%-d %B %Y at %H:%M}"}


@register.inclusion_tag("kit/button.html")
def button(
    text: str,
    reasons: Sequence[object] = (),
    cannot: str = "do this",
    kind: str = "",
    name: str = "",
    value: str = "",
    href: str = "",
) -> dict[str, Any]:
    """A button (a link with `href`), or in its place the reasons why not: "You cannot … yet, because".

    `reasons` are sentences or whatever has a `.sentence`; `cannot` completes "You cannot"; `kind` is secondary or
    warning.
    """
    return {
        "text": text, "reasons": reasons, "cannot": cannot, "kind": kind, "name": name, "value": value, "href": href,
    }  # fmt: skip


@register.simple_block_tag
def button_group(content: str) -> SafeString:
    """Buttons and links that belong together, side by side: {% button_group %}…{% endbutton_group %}."""
    return render_to_string("kit/button_group.html", {"content": content})


@register.simple_block_tag
def details(content: str, summary: str) -> SafeString:
    """Words that not everybody needs, behind a line to open: {% details "What counts?" %}…{% enddetails %}."""
    return render_to_string("kit/details.html", {"content": content, "summary": summary})


@register.simple_block_tag
def inset(content: str) -> SafeString:
    """Words set apart from the text around them: {% inset %}…{% endinset %}."""
    return render_to_string("kit/inset_text.html", {"content": content})


@register.inclusion_tag("kit/bars.html")
def bars(chart: Bars) -> dict[str, Any]:
    """A bar chart as a table (kit.charts.Bars)."""
    return {"chart": chart}


@register.inclusion_tag("kit/flow.html")
def flow(flow: Flow) -> dict[str, Any]:
    """Considered, excluded, included (kit.charts.Flow)."""
    return {"flow": flow}


@register.inclusion_tag("kit/progress.html", takes_context=True)
def progress(
    context: Mapping[str, Any],
    label: str,
    done: int | None = None,
    total: int | None = None,
    steps: Iterable[Mapping[str, Any]] = (),
    part: str = "progress",
) -> dict[str, Any]:
    """Work that goes on: a bar, and steps of {"text", "state": "done" | "now" | "next" | "failed"}.

    While the page's context has `poll_url`, the part is asked for there until an answer comes without it: that
    answer may be the whole page or this part alone, under the same id. Unknown `done` or `total`: a bar without end.
    """
    return {
        "label": label, "done": done, "total": total, "steps": steps, "part": part, "poll_url": context.get("poll_url"),
    }  # fmt: skip

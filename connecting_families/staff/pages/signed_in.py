"""Where one is signed in, ending it, and staying signed in."""

import time

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from connecting_families.audit.refusals import Refused
from connecting_families.kit.lists import Column, Table
from connecting_families.kit.pieces import tag
from connecting_families.staff import lasting, sessions
from connecting_families.staff.guards import acting, opened_by
from connecting_families.staff.pages.own import me
from connecting_families.staff.views import moment, polls, refused_form

COLUMNS = [Column("Where"), Column("Since"), Column("Last seen"), Column("Address"), Column("End it")]


@opened_by()
@never_cache
@reauthentication_required(allow_get=True)
def my_sign_ins(request: HttpRequest) -> HttpResponse:
    """Every place where whoever asks is signed in; each, or all but this one, is ended by who confirms."""
    user, refused = me(request), []
    here = request.session.session_key
    if request.method == "POST":
        found = [each for each in sessions.of(user) if each.key != here]
        asked = request.POST.get("number", "")
        keys = [each.key for each in found if asked in ("", str(each.number))]
        try:
            ended = sessions.end(user=user, keys=keys, by=acting(request), at=timezone.now())
        except Refused as refusal:
            refused = [refused_form(refusal.reasons)]
        else:
            many = "1 sign-in" if ended == 1 else f"{ended} sign-ins"
            messages.success(request, f"{many} ended.")
            return redirect("my_sign_ins")
    found = sessions.of(user)
    context = {
        "title": "Where you are signed in", "back_href": reverse("my_account"), "forms": refused,
        "others": len(found) > 1,
        "table": table(found, lambda each: tag("Here", "green") if each.key == here else _button(request, each)),
    }  # fmt: skip
    return render(request, "account/sign_ins.html", context, status=409 if refused else 200)


def table(found: list[sessions.SignIn], last: object) -> Table:
    """Sign-ins as a table; the last cell is made by `last`."""
    rows = [
        [each.browser, moment(each.since), moment(each.seen), each.address, *([last(each)] if callable(last) else [])]
        for each in found
    ]
    return Table("Sign-ins", COLUMNS if callable(last) else COLUMNS[:-1], rows, empty="Nowhere.")


def _button(request: HttpRequest, each: sessions.SignIn) -> SafeString:
    return format_html(
        '<form method="post" novalidate><input type="hidden" name="csrfmiddlewaretoken" value="{}">'
        '<input type="hidden" name="number" value="{}"><button type="submit" class="cf-link-button">End'
        '<span class="govuk-visually-hidden"> the sign-in with {} since {}</span></button></form>',
        get_token(request), each.number, each.browser, moment(each.since),
    )  # fmt: skip


@require_http_methods(["GET", "POST"])
@opened_by()
@never_cache
def stay(request: HttpRequest) -> HttpResponse:
    """Stay signed in: to ask for it is to do something. What a page asks by itself is told how long there is left."""
    if polls(request):
        return JsonResponse({"seconds": lasting.left(request.session, time.time()).seconds})
    request.session[lasting.SEEN] = int(time.time())
    return HttpResponse(status=204, content_type="text/plain")

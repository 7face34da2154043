"""Addresses about signing in and accounts. Of django-allauth's own only those stand here that are needed."""

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from django.conf import settings
from django.urls import path
from django.views.decorators.http import require_http_methods, require_safe

from connecting_families.staff import council_sign_on
from connecting_families.staff.guards import METHODS, opened_by
from connecting_families.staff.pages import colleagues, own, signed_in, teams

usual_ways = require_http_methods(METHODS)
urlpatterns = [
    # Before somebody is signed in.
    path("account/login/", usual_ways(account.login), name="account_login"),
    path("account/login/code/", usual_ways(mfa.authenticate), name="mfa_authenticate"),
    path("account/logout/", usual_ways(account.logout), name="account_logout"),
    path("account/inactive/", require_safe(account.account_inactive), name="account_inactive"),
    # A fresh password or code before a grave act.
    path("account/reauthenticate/", opened_by(takes=True)(account.reauthenticate), name="account_reauthenticate"),
    path("account/reauthenticate/code/", opened_by(takes=True)(mfa.reauthenticate), name="mfa_reauthenticate"),
    # One's own account.
    path("account/", own.account, name="my_account"),
    path("account/password/", own.change_password, name="change_password"),
    path("account/factor/", own.set_factor, name="set_factor"),
    path("account/factor/picture.svg", own.factor_picture, name="factor_picture"),
    path("account/recovery-codes/", own.recovery_codes, name="recovery_codes"),
    path("account/recovery-codes/recovery-codes.txt", own.recovery_codes_file, name="recovery_codes_file"),
    path("account/sign-ins/", signed_in.my_sign_ins, name="my_sign_ins"),
    path("account/stay/", signed_in.stay, name="stay"),
    path("account/roles/", own.who_may, name="who_may"),
    # The administrator's.
    path("staff/", colleagues.staff, name="staff"),
    path("staff/add/", colleagues.add_colleague, name="add_colleague"),
    path("staff/teams/", teams.teams, name="teams"),
    path("staff/teams/add/", teams.add_team, name="add_team"),
    path("staff/teams/<int:number>/end/", teams.end_team, name="end_team"),
    path("staff/<int:number>/", colleagues.colleague, name="colleague"),
    path("staff/<int:number>/change/", colleagues.change_colleague, name="change_colleague"),
    path("staff/<int:number>/close/", colleagues.close_account, name="close_account"),
    path("staff/<int:number>/reopen/", colleagues.reopen_account, name="reopen_account"),
    path("staff/<int:number>/factor/", colleagues.reset_factor, name="reset_factor"),
    path("staff/<int:number>/sign-on/", colleagues.forget_sign_on, name="forget_sign_on"),
    path("staff/<int:number>/password/", colleagues.new_password, name="new_password"),
    path("staff/<int:number>/sign-ins/", colleagues.end_sign_ins, name="end_sign_ins"),
]

# Only where a setting names the council's own sign-on.
sign_on = [
    path("account/council/<str:provider_id>/login/", usual_ways(council_sign_on.login), name="openid_connect_login"),
    path(
        "account/council/<str:provider_id>/callback/",
        usual_ways(council_sign_on.callback),
        name="openid_connect_callback",
    ),
]
if settings.CF_OIDC_ISSUER:
    urlpatterns += sign_on

"""Every address of the site."""

from allauth.account import views as account
from django.urls import include, path

from connecting_families import developers, home

urlpatterns = [
    path("", home.home, name="home"),
    # Signing in and out, and a fresh password before a grave act; nobody signs up, and no mail is sent.
    path("account/login/", account.login, name="account_login"),
    path("account/logout/", account.logout, name="account_logout"),
    path("account/inactive/", account.account_inactive, name="account_inactive"),
    path("account/reauthenticate/", account.reauthenticate, name="account_reauthenticate"),
    path("kit/", developers.kit, name="kit"),
    path("kit/<str:name>/", developers.kit_page, name="kit_page"),
    path("", include("cohorts.urls")),
    path("", include("transfers.urls")),
    path("", include("connecting_families.governance.urls")),
]

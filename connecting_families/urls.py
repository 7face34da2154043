"""Every address of the site."""

from django.urls import include, path

from connecting_families import developers, health, home

urlpatterns = [
    path("", home.home, name="home"),
    # For machines that watch over the program: open to whoever asks.
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("", include("connecting_families.staff.urls")),
    path("kit/", developers.kit, name="kit"),
    path("kit/<str:name>/", developers.kit_page, name="kit_page"),
    path("", include("cohorts.urls")),
    path("", include("transfers.urls")),
    path("", include("connecting_families.governance.urls")),
]

handler429 = "connecting_families.staff.limits.wait_to_sign_in"
handler500 = "connecting_families.unavailable.failed"

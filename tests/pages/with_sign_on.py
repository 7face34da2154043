"""The addresses of a site whose settings name the council's own sign-on."""

from connecting_families.staff.urls import sign_on
from connecting_families.urls import handler429 as handler429
from connecting_families.urls import handler500 as handler500
from connecting_families.urls import urlpatterns as site

urlpatterns = [*site, *sign_on]

"""Addresses of rounds and cohorts. References of the case system may stand in an address; names never do."""

from django.urls import path

from cohorts.views import cohorts, decisions, find, rounds

urlpatterns = [
    path("find/", find.find, name="find"),
    path("find/<str:key>/", find.results, name="find_results"),
    path("rounds/", rounds.rounds, name="rounds"),
    path("rounds/open/", rounds.open_a_round, name="open_round"),
    path("rounds/<str:code>/", rounds.round_page, name="round"),
    path("rounds/<str:code>/assemble/", rounds.assemble, name="assemble"),
    path("cohorts/<int:number>/", cohorts.cohort, name="cohort"),
    path("cohorts/<int:number>/people/", decisions.decisions, name="decisions"),
    path("cohorts/<int:number>/decisions.csv", decisions.download, name="decisions_csv"),
    path("cohorts/<int:number>/decision/", decisions.decision, name="decision"),
]

"""Addresses of information governance."""

from django.urls import path

from connecting_families.governance import checks_views as checks
from connecting_families.governance import desk_views as desk
from connecting_families.governance import erasure_views as erasures
from connecting_families.governance import looks_views as looks
from connecting_families.governance import promises_views as promises
from connecting_families.governance import requests_views as requests
from connecting_families.governance import sign_off_views as sign_off
from connecting_families.governance import subject_views as subject
from connecting_families.governance import told_views, views
from connecting_families.governance import verification_views as verification

urlpatterns = [
    path("objections/", desk.objection_desk, name="objection_desk"),
    path("objections/<int:number>/", desk.objection, name="objection"),
    path("objections/<int:number>/uphold/", desk.uphold, name="uphold_objection"),
    path("objections/<int:number>/refuse/", desk.refuse, name="refuse_objection"),
    path("objections/<int:number>/narrow/", desk.narrow, name="narrow_objection"),
    path("objections/<int:number>/match/", desk.match, name="match_objection"),
    path("objections/<int:number>/recheck/", desk.recheck, name="recheck_objection"),
    path("objections/<int:number>/letter/<str:person>/", told_views.told, name="told"),
    path("rights/", requests.requests_desk, name="requests_desk"),
    path("rights/<int:number>/", requests.rights_request, name="rights_request"),
    path("rights/<int:number>/answer/", requests.answer_request, name="answer_request"),
    path("rights/<int:number>/extend/", requests.extend_request, name="extend_request"),
    path("rights/<int:number>/identify/", requests.identify_request, name="identify_request"),
    path("rights/<int:number>/close/", requests.close_request, name="close_request"),
    path("subject-access/", subject.find_subject, name="subject_access"),
    path("subject-access/found/<str:key>/", subject.found_subjects, name="subjects_found"),
    path("subject-access/person/<str:person>/", subject.ask_for_report, name="ask_for_report"),
    path("subject-access/person/<str:person>/not-on-paper/", subject.not_on_paper, name="not_on_paper"),
    path("subject-access/report/<str:key>/", subject.report, name="subject_report"),
    path("subject-access/file/", subject.report_file, name="subject_file"),
    path("rights/<int:number>/erase/", erasures.propose_erasure, name="propose_erasure"),
    path("rights/erasures/<int:number>/", erasures.erasure, name="erasure"),
    path("rights/erasures/<int:number>/confirm/", erasures.confirm_erasure, name="confirm_erasure"),
    path("rights/erasures/<int:number>/take-back/", erasures.take_back_erasure, name="take_back_erasure"),
    path("promises/", promises.promises, name="promises"),
    path("promises/check/", promises.check, name="check_promises"),
    path("promises/months/", sign_off.months, name="months"),
    path("promises/months/<str:month>/", sign_off.month, name="signed_month"),
    path("promises/months/<str:month>/sign/", sign_off.sign, name="sign_month"),
    path("trail/", views.trail_list, name="trail"),
    path("trail/entries.csv", views.download, name="trail_csv"),
    path("trail/person/", looks.who_looked, name="who_looked"),
    path("trail/person/<str:key>/", looks.looks_at_person, name="looks_at_person"),
    path("trail/name/", looks.who_searched, name="who_searched"),
    path("trail/name/<str:key>/", looks.searches_for_name, name="searches_for_name"),
    path("trail/looks/", checks.looks_to_check, name="looks_to_check"),
    path("trail/looks/sift/", checks.sift, name="sift_trail"),
    path("trail/looks/<int:number>/", checks.look_to_check, name="look_to_check"),
    path("trail/verification/", verification.verification, name="verification"),
    path("trail/verification/verify/", verification.verify, name="verify_trail"),
    path("trail/<int:number>/", views.entry, name="trail_entry"),
]

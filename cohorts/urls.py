"""Addresses of rounds and cohorts. References of the case system may stand in an address; names never do."""

from django.urls import path

from cohorts.views import cohorts, columns, decisions, find, registers, rounds, uploads

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
    path("files/", uploads.uploads, name="uploads"),
    path("files/upload/", uploads.upload_files, name="upload_files"),
    path("files/columns/", columns.columns, name="columns"),
    path("files/empty/<str:name>.csv", columns.template_file, name="template_file"),
    path("files/<str:code>/", uploads.upload, name="upload"),
    path("files/<str:code>/errors.csv", uploads.errors_csv, name="upload_errors"),
    path("files/<str:code>/confirm/", uploads.confirm, name="confirm_upload"),
    path("files/<str:code>/cancel/", uploads.cancel, name="cancel_upload"),
    path("registers/", registers.registers, name="registers"),
    path("registers/datasets/", registers.datasets, name="datasets"),
    path("registers/datasets/add/", registers.add_dataset, name="add_dataset"),
    path("registers/datasets/<int:number>/", registers.dataset, name="dataset"),
    path("registers/datasets/<int:number>/change/", registers.change_dataset, name="change_dataset"),
    path("registers/datasets/<int:number>/enable/", registers.enable_dataset, name="enable_dataset"),
    path("registers/datasets/<int:number>/disable/", registers.disable_dataset, name="disable_dataset"),
    path("registers/datasets/<int:number>/take-out/", registers.take_dataset_out, name="take_dataset_out"),
    path("registers/notices/", registers.notice_versions, name="notice_versions"),
    path("registers/notices/add/", registers.add_notice_version, name="add_notice_version"),
    path("registers/notices/<int:number>/", registers.notice_version, name="notice_version"),
    path("registers/notices/<int:number>/change/", registers.change_notice_version, name="change_notice_version"),
    path("registers/frameworks/", registers.frameworks, name="frameworks"),
    path("registers/frameworks/<str:code>/", registers.framework, name="framework"),
]

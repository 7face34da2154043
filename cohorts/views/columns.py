"""What the bulk files are made of, in words, and empty ones to fill: both from the list that the loader reads by."""

import csv

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from cohorts import column_words
from cohorts.bulk_files import FILES
from connecting_families.kit.lists import Column, Table
from connecting_families.staff.guards import opened_by
from connecting_families.staff.roles import Permission

COLUMNS = [Column("Column"), Column("What it holds"), Column("What is accepted"), Column("May it be empty?")]


@opened_by(Permission.LOAD_FILES)
def columns(request: HttpRequest) -> HttpResponse:
    """Every column of every file."""
    files = [
        {
            "id": file.name,
            "name": file.file_name,
            "href": reverse("template_file", args=[file.name]),
            "table": Table(
                f"Columns of {file.file_name}",
                COLUMNS,
                [[c.name, c.means, c.accepts, "No" if c.required else "Yes"] for c in column_words.explained(file)],
            ),
        }
        for file in FILES
    ]
    context = {"title": "What the files hold", "files": files, "back_href": reverse("uploads")}
    return render(request, "cohorts/columns.html", context)


@opened_by(Permission.LOAD_FILES)
def template_file(request: HttpRequest, name: str) -> HttpResponse:  # noqa: ARG001 - who asks does not matter
    """A bulk file with its header row alone."""
    file = next((file for file in FILES if file.name == name), None)
    if file is None:
        raise Http404
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{file.file_name}"'
    # With the mark by which a spreadsheet keeps UTF-8 when it saves the file again.
    answer.write("\N{ZERO WIDTH NO-BREAK SPACE}")
    csv.writer(answer).writerow([column.name for column in file.columns])
    return answer

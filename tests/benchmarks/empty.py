"""An empty Django page with one query: `gunicorn tests.benchmarks.empty`, the peer of a page of this program.

What `startproject` makes, and nothing more: the same middleware, a template, one question to the same database.
"""

import os

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.template import Context, Engine
from django.urls import path

from connecting_families.settings import database

settings.configure(
    SECRET_KEY="nobody signs in here",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    DATABASES={"default": database(os.environ["DATABASE_URL"])},
    INSTALLED_APPS=[
        "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.messages",
        "django.contrib.staticfiles",
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
)  # fmt: skip

PAGE = Engine().from_string("<!DOCTYPE html><html lang=en><title>{{ title }}</title><h1>{{ title }}</h1></html>")


def page(_request: HttpRequest) -> HttpResponse:
    """One question, one template."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 'An empty page'")
        (title,) = cursor.fetchone()
    return HttpResponse(PAGE.render(Context({"title": title})))


urlpatterns = [path("", page)]
django.setup()
application = get_wsgi_application()

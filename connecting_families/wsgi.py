"""The site's entrance: `gunicorn connecting_families.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "connecting_families.settings")
# A page that waits for a lock, or for a slow database, says so while whoever asked is still there. Of the pages alone:
# a load, a run or a verification takes its time.
os.environ.setdefault("PGOPTIONS", "-c lock_timeout=15s -c statement_timeout=60s")

application = get_wsgi_application()

"""The site's entrance: `gunicorn connecting_families.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "connecting_families.settings")

application = get_wsgi_application()

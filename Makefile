# `make demo` and `make test` are all a fresh machine with Python >= 3.11 and make needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
WORKERS ?= 3
# Tests whose asserts are rewritten, and modules that a hundred child processes import, are compiled once, whatever the
# environment says.
test acceptance: export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test acceptance soak check lint ui bench clean install install-dev constraints

demo: install
	$(BIN)/audit-pipeline --project data demo

test: install-dev
	$(BIN)/python -m pytest -n $(WORKERS) -m "not acceptance and not soak"

acceptance: install-dev
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m "acceptance and not soak"

soak: install-dev
	$(BIN)/python -m pytest -m "soak or dear" --hypothesis-profile=soak

lint: install-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

check: lint test acceptance

ui: install
	$(BIN)/audit-pipeline --project data ui

bench: install-dev
	$(BIN)/python -m benchmarks

# What a run, a build or a test leaves; keys are never deleted.
clean:
	find data/audit -mindepth 1 -maxdepth 1 ! -name keys -exec rm -rf {} + 2>/dev/null || true
	rm -rf data/input build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path "./$(VENV)/*" -prune -exec rm -rf {} +

install: $(VENV)/.installed
install-dev: $(VENV)/.installed-dev

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or later is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)

# Bytecode is compiled once, by all cores, after everything is installed: pip would do it on one. Without it every
# process pays twice for its imports.
INSTALL = $(PIP) install --quiet --no-compile --constraint constraints.txt --editable
COMPILE = $(BIN)/python -m compileall -q -j 0 $(VENV)/lib audit_pipeline || true

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Installing into $(VENV) (1.7 GB; a few minutes) ..."
	$(INSTALL) .
	$(COMPILE)
	touch $@

$(VENV)/.installed-dev: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Installing into $(VENV) (2 GB; a few minutes) ..."
	$(INSTALL) ".[test,dev]"
	$(COMPILE)
	touch $(VENV)/.installed $@

# The exact versions that CI tests: names and versions only, no index addresses.
constraints: install-dev
	$(PIP) freeze --exclude-editable --exclude audit-pipeline | grep -E '^[A-Za-z0-9._-]+==' > constraints.txt

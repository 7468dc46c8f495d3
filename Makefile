# make run [PORT=8000] [INSTANCE=instance]   the service with its demo publisher
# make test                                  every test, on SQLite and on PostgreSQL
# make check                                 linters, types, layers, migrations, documentation
# make pictures                              the pictures of the documentation, anew

PORT ?= 8000
INSTANCE ?= instance
PYTHON ?= $(or $(shell command -v python3.11),python3)
VENV ?= .venv
# Worker processes of the test run, and what pytest is given on top (PYTEST="-k queue -x").
# More than there are cores: one test in four waits for a process, a browser or a clock.
JOBS ?= 3
PYTEST ?=

BIN := $(VENV)/bin
# pip's output only when it fails; what it downloads is in constraints.txt.
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
# torch first: its pinned release is the CPU build, and nothing after it asks for another one.
TORCH := $(shell sed -n 's/^torch==/torch==/p' constraints.txt)

# Hundreds of processes start in a test run: to compile the modules anew takes each of them half a second.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run install test check pictures clean

help:
	@sed -n 's/^# make/make/p' Makefile

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed, and $(PYTHON) is not there. Name another: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than Python 3.11." >&2; exit 1; }
	@echo "Making the virtual environment $(VENV) …"
	@$(PYTHON) -m venv $(VENV)

# A stamp is newer than what it was installed from, so that the second run starts without pip.
$(VENV)/installed-run: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing (the first time takes a few minutes) …"
	@$(PIP) install --constraint constraints.txt $(TORCH)
	@$(PIP) install --constraint constraints.txt --editable '.[detoxify]'
	@touch $@

$(VENV)/installed-test: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing what tests and checks need (the first time takes a few minutes) …"
	@$(PIP) install --constraint constraints.txt $(TORCH)
	@$(PIP) install --constraint constraints.txt --editable '.[detoxify,training,test]'
	@touch $@ $(VENV)/installed-run

install: $(VENV)/installed-test

run: $(VENV)/installed-run
	@exec $(BIN)/commentsvc run --demo --port "$(PORT)" --instance "$(INSTANCE)"

# Browser tests drive the system's Chromium; they, the slow ones and what no database changes run once, with SQLite.
test: $(VENV)/installed-test
	@sh .ci/chromium
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal --database sqlite $(PYTEST)
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal --database postgresql -m "not browser and not slow and not once" $(PYTEST)

check: $(VENV)/installed-test
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && export COMMENTSVC_INSTANCE="$$folder" COMMENTSVC_DATABASE_URL= \
	  && $(BIN)/commentsvc db upgrade && $(BIN)/commentsvc db check && $(BIN)/commentsvc openapi --check
	$(BIN)/commentsvc translations check
	$(BIN)/python -m pytest -q tests/test_documentation.py

# Of the demo, in a scratch folder.
pictures: $(VENV)/installed-test
	@sh .ci/chromium
	$(BIN)/python docs/images/take.py

# What was built here; never the data folder.
clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

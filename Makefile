# Two commands matter: `make run` and `make test`. Both set up everything they need.
.DEFAULT_GOAL := help
.PHONY: help run stop test check format pins bench docs clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEV_READY := $(VENV)/.dev-ready
TESTS ?= tests
WORKERS ?= 2

# uv does not read pip's setting of a folder with wheels; pass it on where there is one.
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
# Compiled modules halve the start of every process.
unexport PYTHONDONTWRITEBYTECODE

help: ## Say what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; say which: make PYTHON=python3.12 ..."; exit 1; }
	@echo "Making a virtual environment in $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)

$(READY): $(VENV)/bin/python pyproject.toml requirements/run.txt
	@echo "Installing the pinned dependencies (about a minute the first time) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/build.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

$(DEV_READY): $(READY) requirements/dev.txt
	@echo "Installing the tools for tests and checks ..."
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r requirements/dev.txt
	@touch $@

run: $(READY) ## Set up everything and start the service on this machine
	@$(BIN)/tkt serve

stop: $(READY) ## Stop a service that was started in the background
	@$(BIN)/tkt stop

test: $(DEV_READY) check ## Check and test everything that needs no other server
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(TESTS) $(PYTEST_FLAGS)

check: $(DEV_READY) ## Lint, format, types, import contracts
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo > $(VENV)/imports.log || { cat $(VENV)/imports.log; exit 1; }

format: $(DEV_READY) ## Format and mend what can be mended
	@$(BIN)/ruff check --quiet --fix .
	@$(BIN)/ruff format --quiet .

pins: $(DEV_READY) ## Compile the requirement files from pyproject.toml
	@for what in "run:" "dev:--group dev" "build:--only-group build"; do \
	  $(BIN)/uv pip compile pyproject.toml $${what#*:} --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-emit-find-links --no-header --quiet -o requirements/$${what%%:*}.txt; done

bench: $(DEV_READY) ## Measure beside what a person would use instead; writes docs/performance.md
	@$(BIN)/python -m bench

clean: ## Remove what was set up here (not what the service stored)
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

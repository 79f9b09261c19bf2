# aifbench: every task is one target. `make` alone lists them.
# Needs Python 3.11 or newer, make and git. Everything that is made lies in .venv, runs and dist.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

# The first of these that is 3.11 or newer: `make demo PYTHON=/path/to/python` chooses another.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$python"; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
BENCHMARKS := $(filter-out benchmarks/__init__.py,$(wildcard benchmarks/*.py))
BENCH_TARGETS := $(foreach file,$(BENCHMARKS),bench-$(subst _,-,$(basename $(notdir $(file)))))
DEBIAN := chromium fio zsh fish charliecloud busybox-static
# Tests wait more than they compute; more of them at a time would disturb each other's servers and loads.
JOBS ?= 2

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | awk -F '\t' '{printf "  make %-22s %s\n", $$1, $$2}'
	@for file in $(BENCHMARKS); do \
		name=bench-$$(basename "$$file" .py | tr _ -); \
		printf '  make %-22s %s\n' "$$name" "$$(sed -nE '1s/^"""([^"]*).*/\1/p' "$$file")"; done

# -- the environment ---------------------------------------------------------------------------------------------

.PHONY: venv
venv: $(VENV)/.test ## the environment with the test extras, without running anything

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; name it: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@"$(PYTHON)" -m venv $(VENV) || { rm -rf $(VENV); \
		echo "$(PYTHON) cannot make virtual environments; on Debian: apt-get install python3-venv" >&2; exit 1; }

# Stamps: installed once per state of the lock and of pyproject.toml. The locks hold hashes and no address.
$(VENV)/.demo: requirements/demo.txt pyproject.toml | $(BIN)/python
	@echo "installing aifbench with the extras of the demo (one to two minutes)"
	@$(PIP) install -qq --require-hashes -r requirements/demo.txt
	@$(PIP) install -qq --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.test: requirements/test.txt pyproject.toml | $(BIN)/python
	@echo "installing aifbench with the extras of the tests (one to two minutes)"
	@$(PIP) install -qq --require-hashes -r requirements/test.txt
	@$(PIP) install -qq --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.demo

# -- the two commands --------------------------------------------------------------------------------------------

.PHONY: demo
demo: $(VENV)/.demo ## install what is needed and run examples/quickstart.yaml; the last line is the report's path
	@# The report says which numbers are not valid, for example on a machine that is busy with other work.
	@$(BIN)/aifbench run examples/quickstart.yaml --allow-invalid

.PHONY: test
test: $(VENV)/.test ## the whole suite against the real servers (TESTS=tests/load, ARGS="-x -k name", JOBS=2)
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(TESTS) $(ARGS)

# -- the rest ----------------------------------------------------------------------------------------------------

.PHONY: check
check: $(VENV)/.test ## format, lint, types, import directions, docs against code, dead files
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest tests/project -m "not slow"

.PHONY: format
format: $(VENV)/.test ## bring the code into the agreed format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: docs
docs: $(VENV)/.test ## write the generated pages of docs/ again
	@$(BIN)/python -m tools.write_docs

.PHONY: deps-debian
deps-debian: ## install the Debian packages that some tests need (as root or with sudo)
	@missing=""; for package in $(DEBIAN); do \
		dpkg -s "$$package" >/dev/null 2>&1 || missing="$$missing $$package"; done; \
	if [ -z "$$missing" ]; then echo "already there: $(DEBIAN)"; exit 0; fi; \
	sudo=""; if [ "$$(id -u)" != 0 ]; then sudo="sudo"; fi; \
	$$sudo apt-get update -q && \
	$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $$missing

.PHONY: lock
lock: ## write requirements/*.txt again (UPGRADE=1 takes newer versions)
	@tools/lock

.PHONY: wheel
wheel: $(VENV)/.test ## build dist/*.whl
	@$(BIN)/python -m build --wheel --no-isolation

.PHONY: clean
clean: ## remove the environment and everything built; runs are kept
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: $(BENCH_TARGETS)
$(BENCH_TARGETS): $(VENV)/.test
	@$(BIN)/python -m benchmarks.$(subst -,_,$(patsubst bench-%,%,$@))

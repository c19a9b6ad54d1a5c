# The only commands that people and CI run. Everything is installed into .venv/; besides it, only the user's cache is
# written (pip's, Go's, and placet/opa, where the compiled OPA stays for the next checkout).

PYTHON ?= python3
JOBS ?= 2

BIN := .venv/bin
DONE := .venv/done
OPA := $(BIN)/placet-opa
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
# Wheels only: a machine without a C compiler must never try to build one. What a lock lists is all there is: asked to
# resolve, pip prefers a release newer than the lock where an extra is wanted, and then misses its hash.
INSTALL := $(PIP) install --quiet --no-deps --require-hashes --only-binary :all:
BUILD_INPUTS := pyproject.toml hatch_build.py $(wildcard build_backend/placet_build/*.py engine/opa/go.*)

# Neither another project's paths nor another environment may leak into this one.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help setup demo test lint control-plane browser opinions conformance bench bench-quick lock clean \
	campaign-kills campaign-doors campaign-restarts campaign-hostile campaign-flips campaign-mutations

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(DONE)/placet ## make .venv with every tool, OPA and Placet itself (about two minutes, once)

demo: setup ## run the quickstart: one real model, from training to an admission decision and its proof
	@$(BIN)/python examples/quickstart/run.py

test: lint conformance control-plane browser ## everything that CI checks; the last lines count the tests
	$(BIN)/python -m pytest -q -n $(JOBS) --dist loadgroup --cov --cov-report=term

lint: setup ## style, types, arrows between the rooms, policies, generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(OPA) fmt --fail --list policies
	$(OPA) check --strict --schema policies/schemas policies
	$(BIN)/placet policy build --check

control-plane: setup ## the real Kubernetes API server that tests use (about four minutes, once)
	@$(BIN)/python -m tests.kubernetes.binaries >/dev/null

browser: setup ## the Chromium that tests look at the pages with (Debian's, once)
	@$(BIN)/python -m tests.browser.chromium >/dev/null

opinions: setup ## the other verifiers that tests ask: cosign, @sigstore/verify (about three minutes, once)
	@$(BIN)/python -m tests.opinions.binaries >/dev/null

conformance: setup opinions ## the vectors of the formats that others define (PLACET_VECTORS or ../shared/vectors)
	PLACET_EVERY_FLIP=1 $(BIN)/python -m pytest -q -n $(JOBS) -m conformance

bench: setup ## the tables of benchmarks/README.md
	$(BIN)/python benchmarks/run.py

bench-quick: setup ## the same, small: does every benchmark still run
	$(BIN)/python benchmarks/run.py --quick

# More of them: make campaign-kills KILLS="--decisions 20000 --opa-kills 200 --process-kills 200 --seed 1"
campaign-kills: setup ## 2,000 decisions while OPA and the deciding process are killed: none wrong, none lost
	$(BIN)/python -m tests.campaigns.kills $(or $(KILLS),--decisions 2000 --opa-kills 20 --process-kills 20)

campaign-doors: setup ## 5,000 decisions of 32 callers while OPA and the service are killed and reloaded: none wrong, none lost
	$(BIN)/python -m tests.campaigns.doors $(DOORS)

campaign-restarts: setup ## the webhook started 200 times, probed from its first connection on: no bad Pod
	$(BIN)/python -m tests.campaigns.restarts $(RESTARTS)

campaign-hostile: setup ## bad bytes, slow clients, 10,000 connections: refused with a code, memory bounded
	$(BIN)/python -m tests.campaigns.hostile $(HOSTILE)

campaign-flips: setup ## every bit of three bundles turned over: refused, or the very same answer, by member
	$(BIN)/python -m tests.campaigns.flips $(FLIPS)

campaign-mutations: setup ## 200,000 mutants of real bundles: refused with a code, or what was signed and no more
	$(BIN)/python -m tests.campaigns.mutations $(MUTATIONS)

# `make lock` keeps the versions that still fit; `make lock UPGRADE=--upgrade` takes the newest.
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(UPGRADE)
lock: setup ## write the locks again: versions and hashes, no addresses
	$(INSTALL) -r requirements/lock.txt
	$(COMPILE) requirements/lock.in -o requirements/lock.txt
	$(COMPILE) requirements/go.in -o requirements/go.txt
	$(COMPILE) requirements/build.in -o requirements/build.txt
	$(COMPILE) pyproject.toml -o requirements/runtime.txt
	$(COMPILE) pyproject.toml --extra demo requirements/dev.in requirements/build.in \
		-c requirements/runtime.txt -c requirements/build.txt -o requirements/dev.txt

clean: ## remove all that these commands made here; the user's cache stays
	rm -rf .venv .demo .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(DONE)/venv:
	@command -v $(PYTHON) >/dev/null || { \
		echo "Placet needs Python 3.11 or newer, and there is no $(PYTHON) here." >&2; \
		echo "  on Debian: apt-get install python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Placet needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1)." >&2; \
		echo "  name another: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot make virtual environments: its venv package is missing." >&2; \
		echo "  on Debian: apt-get install python3-venv" >&2; exit 1; }
	@echo "setup: making .venv"
	@$(PYTHON) -m venv --clear .venv
	@mkdir -p $(DONE) && touch $@

$(DONE)/packages: requirements/dev.txt $(DONE)/venv
	@echo "setup: installing the locked packages"
	@$(INSTALL) -r requirements/dev.txt
	@touch $@

$(DONE)/placet: $(BUILD_INPUTS) $(DONE)/packages
	@PYTHONPATH=build_backend $(BIN)/python -m placet_build opa >/dev/null
	@echo "setup: installing Placet from this checkout"
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# Everything here sets up what it needs, in .venv, from requirements/dev.txt: all it takes is Python 3.11, git and make.

SHELL := /bin/sh
PY := .venv/bin/python
export PIP_DISABLE_PIP_VERSION_CHECK = 1
ifndef PATH
export PATH = /usr/local/bin:/usr/bin:/bin
endif
unexport PYTHONHOME PYTHONPATH VIRTUAL_ENV
ifdef PYTHON
export PYTHON
endif

# A request, and what must hold for its result. Your own: .venv/bin/beth run "..." --criteria "..."
REQUEST = "Build user authentication with JWT" \
    --criteria "JWT access tokens with 15min expiry" \
    --criteria "Refresh token rotation" \
    --criteria "Secure httpOnly cookies"
# Everything of it in .beth, whatever the environment has of other buses, budgets and recordings.
HERE = env -u MESSAGE_BUS_URL -u BETH_JOURNAL_URL -u BETH_POLICY -u BETH_RECORD -u BETH_REPLAY BETH_HOME="$(CURDIR)/.beth"
# make test ARGS="-k journal": anything that pytest takes.
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help environment run recover test lint format bench docs chaos requirements clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

environment: # no file: whether .venv is as it should be is looked up every time, which takes a moment
	@sh scripts/environment.sh

run: environment ## the main job: take a request through Beth and her team, on this machine, with a scripted model
	@$(HERE) .venv/bin/beth run $(REQUEST) --model demo --no-input
	@$(HERE) $(PY) -m beth_team.after

recover: environment ## the second act: kill an agent in the middle of its work, and see another go on from there
	@$(HERE) $(PY) -m beth_team.recover

test: environment ## all tests; services that are absent are skipped, and listed at the end
	@$(PY) -m pytest $(ARGS)

lint: environment ## ruff, mypy --strict, import floors, forbidden text
	@echo "ruff: check" && $(PY) -m ruff check --quiet .
	@echo "ruff: format" && $(PY) -m ruff format --quiet --check . || { $(PY) -m ruff format --check .; exit 1; }
	@$(PY) -m scripts.typecheck
	@echo "imports: floors of beth_sdk" && .venv/bin/lint-imports --no-logo
	@echo "imports: public names only" && $(PY) -m scripts.check_imports
	@echo "text: nothing of one machine" && $(PY) -m scripts.check_text

format: environment ## let ruff format and sort everything
	@$(PY) -m ruff check --quiet --fix . ; $(PY) -m ruff format .

bench: environment ## measure: throughput and latency beside plain sqlite3
	@$(PY) -m benchmarks $(ARGS)

docs: environment ## write the generated reference pages anew, check what all documents say
	@$(PY) -m scripts.reference
	@$(PY) -m pytest tests/docs $(ARGS)

chaos: environment ## kill everything everywhere, at length: make chaos SEED=7 TASKS=200
	@$(PY) -m tests.chaos $(if $(SEED),--seed $(SEED)) $(if $(TASKS),--tasks $(TASKS)) $(ARGS)

requirements: environment ## pin requirements/*.in anew; ARGS=--upgrade for the newest versions
	@sh scripts/lock.sh $(ARGS)

clean: ## remove all that make made, but not .beth, which holds your requests
	rm -rf .venv .cache build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

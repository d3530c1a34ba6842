# Two commands do everything: `make run` and `make test`. As root, on Debian 12 or newer.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python

.PHONY: help run stop test lint types contracts unit sim e2e wheel bench long model clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

run: ## Install what is missing, start a cluster, run the hello example
	@tools/install.sh run
	@$(PYTHON) tools/run.py

stop: ## Undo `make run`: stop the daemons and the containers, remove all state
	@if [ -x .venv/bin/k3py ]; then .venv/bin/k3py reset --yes; else echo "nothing to stop: k3py is not installed here"; fi

test: ## Everything CI runs
	@tools/install.sh test
	@$(MAKE) --no-print-directory lint types contracts
	$(PYTHON) -m pytest -m "not long" tests
	@$(MAKE) --no-print-directory wheel

lint: ## ruff
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

types: ## mypy --strict
	.venv/bin/mypy

contracts: ## Which part may import which
	.venv/bin/lint-imports

unit: ## Tests that need no cluster
	$(PYTHON) -m pytest -m "not long and not e2e" tests

sim: ## The simulator; SIM_SEEDS=5000 for longer, SEED=n to replay one
	$(PYTHON) -m pytest tests/sim $(if $(SEED),--sim-seed $(SEED))

e2e: ## Real clusters on this host
	$(PYTHON) -m pytest -m "e2e and not long" tests

wheel: ## Build the wheel and try it in an empty environment
	$(PYTHON) tools/check_wheel.py

bench: ## Speed; JSON on standard output, see docs/benchmarks.md
	@tools/install.sh bench
	$(PYTHON) bench/run.py

long: ## The long forms of the suites: hours
	$(PYTHON) -m pytest -m long tests

model: ## Generate k3py/model/generated again
	$(PYTHON) tools/generate_model.py

clean: ## Remove what building and testing left
	rm -rf dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

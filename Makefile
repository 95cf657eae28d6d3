PYTHON ?= python3.11
BIN := .venv/bin

.PHONY: help setup demo fmt check test kill gpu bench

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/core: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --editable .
	@touch $@

.venv/dev: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@ .venv/core

setup: .venv/dev ## Make .venv with everything that the tests need

demo: .venv/core ## Set up, and run the whole job offline on bundled rows
	@$(BIN)/blossom-data demo -o demo

fmt: .venv/dev ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

check: .venv/dev ## Format, lint, types, layers, sizes
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_layout.py

test: .venv/dev ## Set up, and run the tests
	$(BIN)/python -m pytest

kill: .venv/dev ## SIGKILL and fault tests only; KILLS=500 for a long run
	KILLS=$(KILLS) $(BIN)/python -m pytest tests/kill

gpu: .venv/dev ## Check and measure training on a CUDA device; says so where there is none
	$(BIN)/python benchmarks/gpu_train.py

bench: .venv/dev ## Run the benchmarks; each prints ratios to a baseline of the same run
	for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

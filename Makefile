PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin
CONSTRAINTS ?= --constraint constraints.txt
# A file's tests stay in one process, for they share what is expensive to make; slow files come first (tests/conftest.py).
# One process more than cores: many tests wait for the processes, servers and clocks that they start.
PARALLEL ?= -n $$($(BIN)/python -c 'import os; print((os.cpu_count() or 1) + 1)') --dist loadfile --no-loadscope-reorder

.PHONY: help setup lock demo docs-images fmt check test test-fast test-all test-latest kill gpu bench

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/core: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --editable . $(CONSTRAINTS)
	@touch $@

$(VENV)/dev: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --editable '.[dev]' $(CONSTRAINTS)
	@touch $@ $(VENV)/core

setup: $(VENV)/dev ## Make .venv with everything that the tests need

# torch, and what its builds for a device bring along, stay bounds in pyproject.toml: which build fits is the machine's.
lock: $(VENV)/dev ## Write the versions that are installed, and passed the tests, into constraints.txt
	$(BIN)/python -m pip freeze --exclude-editable \
		| grep -vE '^(torch|triton|nvidia|cuda)[a-z0-9_-]*==| @ ' > constraints.txt
	@touch $(VENV)/core $(VENV)/dev

demo: $(VENV)/core ## Set up, and run the whole job offline on bundled rows
	@$(BIN)/blossom-data demo -o demo

docs-images: $(VENV)/dev ## Draw the pictures of the README anew, from a run of the demo
	$(BIN)/python tools/docs_images.py docs/images

fmt: $(VENV)/dev ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

check: $(VENV)/dev ## Format, lint, types, layers, sizes
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_layout.py

test: $(VENV)/dev ## Set up, and run the tests, one process per core
	$(BIN)/python -m pytest $(PARALLEL)

test-fast: $(VENV)/dev ## For in between: the tests that need no torch and are not marked slow
	$(BIN)/python -m pytest $(PARALLEL) -m 'not slow' --ignore-glob 'tests/train*'

test-all: $(VENV)/dev ## What `make test` leaves out: a real browser and database (apt-get install chromium postgresql)
	$(BIN)/python -m pytest $(PARALLEL) --all tests/browser tests/cluster

test-latest: ## The tests with the newest releases that pyproject.toml admits, in an environment of their own
	$(MAKE) test VENV=.venv-latest CONSTRAINTS=

kill: KILLS ?= 50
kill: $(VENV)/dev ## SIGKILL and fault tests only; KILLS=500 for a long run
	KILLS=$(KILLS) $(BIN)/python -m pytest tests/kill

gpu: ## Check and measure training on a CUDA device, with wheels/ for what it lacks; says so where there is none
	PYTHONPATH=. $(if $(wildcard $(BIN)/python),$(BIN)/python,python3) benchmarks/gpu_train.py $(if $(wildcard wheels),--wheels wheels)

bench: $(VENV)/dev ## Run the benchmarks; each prints ratios to a baseline of the same run
	for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

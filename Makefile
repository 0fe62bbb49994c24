# Every target does its own set-up; all that a fresh machine needs is Python 3.11 or later and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Bytecode of the checkout, as an installed package has it: where PYTHONDONTWRITEBYTECODE is set, Python would
# compile the sources again at each start.
COMPILE = $(BIN)/python -m compileall -q engine headrace triggers

SEEDS ?= 10000

.PHONY: demo test soak lint format types wheel bench fuzz lock clean

demo: $(READY)
	$(BIN)/headrace demo

test: $(READY)
	@$(COMPILE)
	$(BIN)/pytest -n auto --dist worksteal

# Whole systems in simulated time, each with faults drawn from a seed; stops at the first broken promise.
soak: $(READY)
	$(BIN)/python -m tests.simulation.soak $(SEEDS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(READY)
	$(BIN)/mypy

wheel: $(READY)
	rm -rf dist
	$(BIN)/python -m build --no-isolation --wheel --sdist

EXAMPLES ?= 100000
fuzz: $(READY)
	FUZZ_EXAMPLES=$(EXAMPLES) $(BIN)/pytest tests/fuzz -x -n auto --timeout=0 -o faulthandler_timeout=0

bench: $(READY)
	@$(COMPILE)
	$(BIN)/python -m bench

# Resolve the newest versions that pyproject.toml allows, for every platform and Python at once.
lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--group dev pyproject.toml --upgrade -o requirements/dev.lock

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(READY): requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Headrace needs Python 3.11 or later: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@echo "Setting up $(VENV) (once, about a minute) ..."
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(COMPILE)
	@touch $@

# make run: set up, make the demo data, run three nights.
# make check: set up, run the linters and the quick half of the tests.   make test: set up, run all tests.
# The first of these that really starts (one of a version manager may not), has a version that the locks hold for, and can
# make an environment.
STARTS = import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHONS := python3.11 python3.12 python3.13 python3
PYTHON ?= $(shell for python in $(PYTHONS); do "$$python" -c "$(STARTS)" 2>/dev/null && echo "$$python" && break; done)
VENV := .venv
BIN := $(VENV)/bin
LOYALTY_HOME ?= data
export LOYALTY_HOME
# Wheels are installed with their byte code, so that no start compiles it again.
PIP_INSTALL := $(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode

.PHONY: run check test bench bench-year verify lint format lock clean

run: $(VENV)/.run
	$(BIN)/loyalty demo
	$(BIN)/loyalty run --from 2017-11-30 --to 2017-12-02 --deliver-each

PYTEST := $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

test: $(VENV)/.dev
	$(PYTEST)

check: lint
	$(PYTEST) -m "not slow"

# A cold start and an ordinary night at a million customers; BENCH_FLAGS="--customers 100000 --compare build/before.json"
bench: $(VENV)/.run
	rm -rf build/bench
	$(BIN)/loyalty bench $(BENCH_FLAGS)

# An ordinary night after a year of nights, beside the same night after one load; YEAR_FLAGS="--customers 200 --nights 30"
bench-year: $(VENV)/.run
	rm -rf build/year
	$(BIN)/python -m pipelines.ops.bench_year $(YEAR_FLAGS)

# How often intervals hold what they say, in simulations: writes docs/COVERAGE.md. Hours; CAMPAIGNS=400 CUSTOMERS=20000
# SHOPS=10 MONEY_SHOPS=10 is quicker.
CAMPAIGNS ?= 4000
CUSTOMERS ?= 100000
SHOPS ?= 40
MONEY_SHOPS ?= 400
LEDGERS ?= 200
VERIFY := PYTHONPATH=.:tests OMP_NUM_THREADS=1 $(BIN)/python -m
verify: $(VENV)/.dev
	$(VERIFY) effect_coverage $(CAMPAIGNS)
	$(VERIFY) after_coverage $(CAMPAIGNS)
	$(VERIFY) all_campaigns_coverage $(CAMPAIGNS)
	$(VERIFY) looks_coverage $(CAMPAIGNS)
	$(VERIFY) power_coverage $(CAMPAIGNS)
	$(VERIFY) clv_coverage $(CUSTOMERS)
	$(VERIFY) skill_coverage $(SHOPS)
	$(VERIFY) forecast_coverage $(SHOPS) $(MONEY_SHOPS)
	$(VERIFY) promo_habit_coverage $(SHOPS)
	$(VERIFY) points_coverage $(LEDGERS)
	$(VERIFY) kpi_coverage $(CAMPAIGNS)
	$(VERIFY) relation_coverage $(SHOPS)
	$(VERIFY) store_coverage $(CAMPAIGNS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/sqlfluff lint --disable-progress-bar sql
	$(BIN)/python -m pipelines.ops.cli check --home .
	! grep -rn "FILL IN" config data_contracts sql tests/sql/cases

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/sqlfluff fix --disable-progress-bar sql

lock: $(VENV)/.uv
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 requirements-uv.in -o requirements-uv.lock

$(VENV)/.uv: requirements-uv.lock
	@test -n "$(PYTHON)" || { echo "None of $(PYTHONS) starts, is 3.11, 3.12 or 3.13, and has venv."; \
	    echo "Install Debian's python3 and python3-venv, or name one: make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.lock
	touch $@

$(VENV)/.run: $(VENV)/.uv requirements.lock pyproject.toml
	$(PIP_INSTALL) --require-hashes -r requirements.lock
	$(PIP_INSTALL) --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	$(PIP_INSTALL) --require-hashes -r requirements-dev.lock
	touch $@

clean:
	rm -rf $(VENV) data build *.egg-info

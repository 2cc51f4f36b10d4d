# foretell's commands. `make help` lists them; each makes its own environment in .venv first.
.DEFAULT_GOAL := help
.PHONY: help install demo wheel predict test lint format peers bench soak lock clean

VENV := .venv
BIN := $(VENV)/bin
LOCK := requirements.lock
# What `make bench` installs on top: the peers that foretell is compared with.
BENCH_LOCK := requirements-bench.lock
# An environment with the wheel and what predicting needs, without TensorFlow.
PREDICT := .venv-predict
# A folder with another build of PyTorch, such as the one for CPUs; PyPI's is for CUDA on Linux (3 GB).
TORCH_WHEELS ?= $(PIP_FIND_LINKS)
COMPILE = --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate $(LOCK_FLAGS)
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
	@test -x $(BIN)/uv || { sed -n '/^uv==/,/[^\]$$/p' $(LOCK) >$(VENV)/uv.txt && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(VENV)/uv.txt; }
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes $(LOCK)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

demo: install  ## both jobs on the text that ships with foretell, in under two minutes
	@$(BIN)/foretell demo --out out/demo

wheel: install  ## build the source archive, and the wheel from it, in dist/
	@rm -rf dist
	@$(BIN)/uv build --quiet --no-build-isolation --python $(BIN)/python --out-dir dist

predict: wheel
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(PREDICT)
	@$(BIN)/uv pip install --quiet --python $(PREDICT)/bin/python --constraint $(LOCK) dist/*.whl

test: predict  ## all tests (under ten minutes on two cores)
	FORETELL_PREDICT_PYTHON=$(abspath $(PREDICT))/bin/python $(BIN)/pytest -n 2 --dist loadfile

lint: install  ## ruff, mypy and the layer check
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install  ## let ruff rewrite the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

peers: $(VENV)/.peers

$(VENV)/.peers: $(VENV)/.installed $(BENCH_LOCK)
	@test -z "$(wildcard $(TORCH_WHEELS)/torch-*)" || $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-index \
		--find-links "$(TORCH_WHEELS)" "$$(grep -oE '^torch==[0-9.]+' $(BENCH_LOCK))" || echo "installing PyTorch from PyPI instead" >&2
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint $(LOCK) --constraint $(BENCH_LOCK) --group bench \
		&& $(BIN)/python -c 'import fasttext, torch' || { echo "expected fastText and PyTorch, which the benchmarks compare with; found one that cannot be installed or imported (see above); then: make bench" >&2; exit 1; }
	@touch $@

bench: peers  ## the benchmarks behind every figure in docs/ (BENCH="article_words predict" picks some)
	$(BIN)/python -m bench $(BENCH)

soak: install  ## long tests: faults, hostile input, load, interrupts (FORETELL_SOAK_PART=0.1: a tenth)
	$(BIN)/pytest -n 2 --dist loadfile -m soak

lock: install  ## write the lock files anew from pyproject.toml (LOCK_FLAGS=--upgrade raises every version)
	$(BIN)/uv pip compile $(COMPILE) --extra train --extra serve --extra excel --extra glove --extra cluster --extra hub --group dev pyproject.toml -o $(LOCK)
	$(BIN)/uv pip compile $(COMPILE) --constraint $(LOCK) --group bench -o $(BENCH_LOCK)

clean:  ## remove the environments, the wheel and caches
	rm -rf $(VENV) $(PREDICT) dist .mypy_cache .ruff_cache .hypothesis out

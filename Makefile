# Two commands do everything: `make demo` (the main job) and `make test`.
SUITS := import sys; (3, 11) <= sys.version_info < (3, 14) or sys.exit(1)
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3,$(shell $(name) -c '$(SUITS)' 2>/dev/null && echo $(name))))
VENV := .venv
BIN := $(VENV)/bin
FOOTAGE ?=
OUT ?= $(if $(FOOTAGE),runs/demo_footage,runs/demo)

.PHONY: help setup demo test test-slow test-min lint bench gpu docs clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(VENV)/.installed ## Make .venv with the pinned versions

# PyTorch is installed first and by its pinned version alone, which takes the small CPU build where there is one.
$(VENV)/.installed: setup.cfg setup.py pyproject.toml constraints.txt
	@$(or $(PYTHON),false) -c '$(SUITS)' || { echo "worldsim needs Python 3.11, 3.12 or 3.13 (PyBullet only has wheels for 3.11) and found '$(PYTHON)'. Install one, or say: make PYTHON=path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(TORCH_FLAGS) "$$(grep '^torch==' constraints.txt)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: setup ## Run the whole chain: data, training, generation, scores, report (FOOTAGE=folder adds real videos)
	$(BIN)/python -m benchmarks demo --out $(OUT) $(if $(FOOTAGE),--footage "$(FOOTAGE)")

lint: setup ## Check style, types and import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports

test: lint ## Lint, then run the tests
	$(BIN)/python -m pytest -n 2 -m "not slow"

test-slow: setup ## Run the long tests too
	$(BIN)/python -m pytest -n 2

# The lowest versions of setup.cfg, each at what it says; the quick tests only.
$(VENV)-min/.installed: setup.cfg setup.py pyproject.toml constraints-min.txt
	$(PYTHON) -m venv $(VENV)-min
	$(VENV)-min/bin/python -m pip install --quiet --disable-pip-version-check $(TORCH_FLAGS) "$$(grep '^torch==' constraints-min.txt)"
	$(VENV)-min/bin/python -m pip install --quiet --disable-pip-version-check -c constraints-min.txt -e '.[dev]'
	@touch $@

test-min: $(VENV)-min/.installed ## Run the quick tests with the lowest versions that setup.cfg allows, in .venv-min
	$(VENV)-min/bin/python -m pytest -n 2 -m "not slow"

bench: setup ## Measure speed against named peers
	$(BIN)/python -m benchmarks speed --json

gpu: setup ## Measure on a GPU, nine minutes a call, into runs/gpu; the same command goes on
	$(BIN)/python -m benchmarks gpu --minutes 9 --out runs/gpu

docs: setup ## Build the documentation site into runs/site (strict: a broken link fails)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean: ## Delete what the demo made
	rm -rf runs/demo runs/demo_footage

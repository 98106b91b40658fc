# Two commands set the project up: `make run` and `make test`. Each makes .venv on first use.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DOCS_STAMP := $(VENV)/.installed-docs
CLUSTER_STAMP := $(VENV)/.installed-cluster
SCENARIO ?= scenarios/baseline.yaml
SLURM := slurmctld slurmd slurm-client munge
export PIP_REQUIRE_VIRTUALENV = 1
export PIP_DISABLE_PIP_VERSION_CHECK = 1
unexport PYTHONDONTWRITEBYTECODE # tests start many processes, each of which would compile the package anew

.DEFAULT_GOAL := help
.PHONY: help run test test-slow test-gpu test-cluster lint bench docs notebooks clean

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The stamp is touched only after pip succeeded; a half-made environment has no pyvenv.cfg and is made anew.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0) if sys.version_info >= (3, 11) else sys.exit("powsim needs Python 3.11 or newer; this is %s. Name one: make PYTHON=python3.12 ..." % sys.version.split()[0])'
	@test -f $(VENV)/pyvenv.cfg && $(BIN)/python -c '' 2>/dev/null || { rm -rf $(VENV); $(PYTHON) -m venv $(VENV); }
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $(STAMP)

$(DOCS_STAMP): $(STAMP)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	@touch $(DOCS_STAMP)

$(CLUSTER_STAMP): $(STAMP)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[cluster]'
	@touch $(CLUSTER_STAMP)

run: $(STAMP) ## run a scenario (SCENARIO=scenarios/baseline.yaml)
	$(BIN)/python -m sim run $(SCENARIO)

test: $(STAMP) ## the fast tests (a few minutes on 2 cores)
	$(BIN)/python -m pytest -n 2 --dist worksteal

test-slow: $(STAMP) ## the golden vectors of testnet and mainnet (tens of minutes, 8 GB)
	$(BIN)/python -m pytest -m slow --durations=0

test-gpu: $(STAMP) ## the kernel on this machine's CUDA card (skipped where there is none)
	$(BIN)/python -m pytest -m gpu -rs --durations=5 tests/kernel

test-cluster: $(CLUSTER_STAMP) ## sweeps on a real dask scheduler and a real SLURM on this machine
	@[ -x /usr/sbin/slurmctld ] || { [ "$$(id -u)" = 0 ] && apt-get update -qq \
	  && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $(SLURM) >/dev/null; } \
	  || echo "SLURM is not installed and could not be (Debian: apt-get install $(SLURM)): its tests are skipped"
	$(BIN)/python -m pytest -m cluster -n 2 --dist loadfile --durations=5 -rs

lint: $(STAMP) ## style, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP) ## speed beside its limits, as ratios inside one run
	$(BIN)/python -m pytest -m benchmark -p no:xdist -s

docs: $(DOCS_STAMP) ## the documentation as HTML in docs/_build
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

notebooks: $(STAMP) ## execute every notebook
	$(BIN)/python -m pytest -p no:xdist --nbmake --nbmake-timeout=600 -o addopts= notebooks

clean: ## remove the environment and everything that is made (results stay)
	rm -rf $(VENV) docs/_build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

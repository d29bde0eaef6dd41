# On a machine with Python (3.11 or newer) and make: `make demo` and `make test` do everything else.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
UV     := $(BIN)/uv
STAMP  := $(VENV)/.synced
OUT    := out
# As the image has it.
UV_VERSION := $(shell sed -n 's/^ARG UV_VERSION=//p' Dockerfile)
SBOM   := $(OUT)/bayescaler.cdx.json
GROUPS := --group e2e --group docs

export UV_PROJECT_ENVIRONMENT := $(CURDIR)/$(VENV)
# The tests start dozens of processes: without kept bytecode each would spend seconds on compiling its imports anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test test-nojit e2e e2e-parts lint format generate manifests docs sbom audit bench bench-forecast bench-scaling bench-peers clean
.DEFAULT_GOAL := help

help:  ## show the targets
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP)  ## install the locked environment into .venv

$(UV):
	@test -x $(BIN)/python || $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Python 3.11 or newer is needed as $(PYTHON): install it, or name one, as in make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "$(PYTHON) has no venv with ensurepip: install it (Debian and Ubuntu: apt-get install python3-venv)" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)"

$(STAMP): pyproject.toml uv.lock | $(UV)
	@$(UV) sync --quiet --frozen --inexact $(GROUPS)
	@touch $@

demo: setup  ## a day of traffic against the sandbox cluster, with the production operator
	@$(BIN)/bayescaler demo

# What takes longest begins first, so that both workers end together. No test trusts a public CA, and every TLS context
# would read them all.
test: setup  ## unit, property, component and contract tests; no Go, no Prometheus
	@$(BIN)/python tests/kernels.py
	@SSL_CERT_FILE=/dev/null $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not e2e" \
	  tests/repo tests/component tests/property tests/unit tests/contract

test-nojit: setup  ## the pure rooms without the JIT, for their coverage
	@rm -f .coverage .coverage.*
	@NUMBA_DISABLE_JIT=1 $(BIN)/python -m coverage run -m pytest -q -n 2 --dist loadfile -m "not jit" \
	  tests/unit/bayescast tests/unit/policy tests/unit/replay tests/unit/api tests/property
	@$(BIN)/python -m coverage run -m pytest -q -m jit tests/unit/replay tests/unit/bayescast/prior \
	  tests/unit/bayescast/test_posterior.py
	@$(BIN)/coverage combine -q
	@$(BIN)/coverage report --fail-under=95 --include='*/bayescast/*,*/policy/*,*/replay/*,*/api/*'

e2e-parts: setup  ## find or build the real control plane, name what is missing
	@$(BIN)/python tests/e2e/harness/binaries.py --build

e2e: e2e-parts  ## the real API server, controllers, kwok, Prometheus and helm
	@BAYESCALER_E2E=1 $(BIN)/python -m pytest -m e2e -n 2 --dist loadfile --no-loadscope-reorder --durations=25 \
	  tests/e2e tests/contract

lint: setup  ## format, rules, types, import direction, generated files
	@$(BIN)/ruff format --check --quiet . || { echo "run: make format"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --cache-dir .import_linter_cache
	@$(BIN)/bayescaler generate all --check

format: setup  ## format and mend what can be mended
	@$(BIN)/ruff format --quiet . && $(BIN)/ruff check --quiet --fix .

generate: setup  ## write every generated file anew from its source
	@$(BIN)/bayescaler generate all

manifests: setup  ## write the manifests for kubectl anew from the chart, by helm
	@$(BIN)/bayescaler generate manifests --helm "$$($(BIN)/python tests/e2e/harness/binaries.py --path helm)"

docs: setup  ## the documentation as a site in docs/_build; a link that leads nowhere fails
	@$(BIN)/python -m sphinx -c docs -E -W --keep-going -n -q . docs/_build
	@echo "docs/_build/index.html"

sbom: | $(UV)  ## what the image has of Python, from uv.lock, as CycloneDX
	@mkdir -p $(dir $(SBOM))
	@$(UV) export --quiet --frozen --no-default-groups --preview-features sbom-export --format cyclonedx1.5 --output-file $(SBOM)
	@echo "wrote $(SBOM)"

audit: | $(UV)  ## known vulnerabilities of what is locked, extras too; asks PyPI over the network, or OSV=URL of a mirror's API
	@mkdir -p $(OUT)
	@$(UV) export --quiet --frozen --no-default-groups --all-extras --no-emit-project --output-file $(OUT)/requirements.txt
	@$(UV) run --quiet --frozen --isolated --only-group release pip-audit --strict --disable-pip --require-hashes \
	  --progress-spinner off $(if $(OSV),--vulnerability-service osv --osv-url $(OSV)) --requirement $(OUT)/requirements.txt || \
	  { echo "not clean, or the advisories could not be asked: what is above says which" >&2; exit 1; }

bench: bench-peers  ## the numbers of the budgets, as printed by the programs themselves
	@for script in tests/benchmarks/*.py tests/benchmarks/forecast; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

bench-forecast: bench-peers  ## accuracy beside the peers on TRACES=folder; CACHE=folder keeps what the peers said
	@$(BIN)/python tests/benchmarks/forecast $(if $(TRACES),--traces $(TRACES)) $(if $(CACHE),--cache $(CACHE)) --ablations --rows

bench-scaling: setup  ## replicas beside an HPA tuned in hindsight on TRACES=folder, or on loads made from SYNTHETIC=seed
	@$(BIN)/python tests/benchmarks/scaling.py $(if $(TRACES),--traces $(TRACES)) $(if $(SYNTHETIC),--synthetic $(SYNTHETIC))

bench-peers: setup  ## install the peers of the benchmarks into .venv
	@$(UV) sync --quiet --frozen --inexact $(GROUPS) --group bench

clean:  ## remove the environment and what the tools left
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage* out docs/_build bayescaler-demo.png

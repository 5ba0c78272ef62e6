# Two commands: `make demo` and `make test`. Each makes .venv and installs what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint bench clean

demo: $(VENV)/.installed
	@$(BIN)/ragraft compare examples/help-centre

test: $(VENV)/.installed-test
	@$(BIN)/python -m pytest

lint: $(VENV)/.installed-test
	@$(BIN)/ruff check src tests benchmarks
	@$(BIN)/ruff format --check src tests benchmarks
	@$(BIN)/pyright --pythonpath $(BIN)/python
	@$(BIN)/lint-imports

clean:
	rm -rf $(VENV) examples/*/.ragraft

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "ragraft needs Python 3.11 or newer: make PYTHON=python3.12 demo"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "python3 has no venv module: on Debian, apt-get install python3-venv"; exit 1; }

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	@echo "Installing ragraft into $(VENV) (once; a few minutes) ..."
	@$(BIN)/python -m pip install --quiet --use-pep517 --disable-pip-version-check -e .
	@touch $@

$(VENV)/.installed-test: pyproject.toml | $(BIN)/python
	@echo "Installing ragraft with its test tools into $(VENV) (once; a few minutes) ..."
	@$(BIN)/python -m pip install --quiet --use-pep517 --disable-pip-version-check -e '.[test]'
	@touch $@ $(VENV)/.installed

# `make run` and `make test` each do every step they need, from a bare checkout.
VENV   ?= .venv
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
            $$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
            && { echo $$p; break; }; done)
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.DEFAULT_GOAL := run
.PHONY: .typing run test faults claims tutorials lint setup clean

run: $(STAMP)
	$(BIN)/qhopfield $(ARGS)

test: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto $(ARGS)

# Runs the tests that hold a fault that was found once, and prints the table.
faults: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto -m fault --fault-table -q $(ARGS)

claims: $(STAMP)
	$(BIN)/python -m benchmarks.claims $(ARGS)

tutorials: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --nbmake tutorials $(ARGS)

lint: $(STAMP) .typing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=.typing $(BIN)/lint-imports

setup: $(STAMP)

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer with venv was found." \
	  "Debian, Ubuntu: sudo apt install python3-venv; macOS: brew install python;" \
	  "or name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(STAMP): pyproject.toml setup.py constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --upgrade "pip>=24"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	@touch $@

# What type checkers read: the import name qhopfield spelt out as folders (links, not in git).
.typing:
	mkdir -p .typing/qhopfield
	ln -sfn ../../circuits .typing/qhopfield/circuits
	ln -sfn ../../hybrid .typing/qhopfield/hybrid
	for f in src/qhopfield/*; do ln -sfn ../../$$f .typing/qhopfield/; done

clean:
	rm -rf $(VENV) .typing build dist src/*.egg-info *.egg-info

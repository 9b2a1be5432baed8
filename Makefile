# Everything runs in .venv; the first call of any target installs into it. Another Python has an environment of its own
# (`make test PYTHON=python3.13`: .venv-python3.13), or what is in .venv would be tested in its place.
PYTHON ?= python3
VENV := $(if $(filter python python3,$(notdir $(PYTHON))),.venv,.venv-$(notdir $(PYTHON)))
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: install demo test check format clean

install: $(STAMP)

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e ".[dev]"
	touch $(STAMP)

demo: $(STAMP)
	$(BIN)/oldphoto demo demo-output

# How many processes, tests/conftest.py says.
test: $(STAMP)
	$(BIN)/python -m pytest -n auto --no-loadscope-reorder

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv .venv-* demo-output build *.egg-info

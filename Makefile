# Everything sets itself up: `make run` and `make test` need only Python 3.11 or later, and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
FIELD := .venv-field
ARGS ?=

.PHONY: run test lint types check bench fuzz field scale docs docs-serve clean
.DEFAULT_GOAL := run

run: $(READY)  ## the main job: derive, count and time the default suite, write the report
	$(BIN)/python -m convbench run $(ARGS)

test: $(READY)  ## the whole test suite, in as many processes as there are cores
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal -p no:benchmark $(ARGS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

types: $(READY)
	$(BIN)/mypy

check: lint types test

# what it times is a run too: convbench report .benchmarks/convbench; the one before is moved aside
bench: $(READY)  ## pytest-benchmark: the types at one slot, deriving, counting
	$(BIN)/python -m pytest benchmarks --benchmark-only --convbench-out=.benchmarks/convbench $(ARGS)

fuzz: $(READY)  ## the fuzz tests at length with other draws each time, and 120 kills: an hour or two
	$(BIN)/python -m pytest -p no:benchmark tests/fuzz --hypothesis-profile=long \
		--hypothesis-show-statistics $(ARGS)
	$(BIN)/python tests/cli/killing.py 20

# the networks' packages come alone, on top of what the tests need: torch stays as it is
field: $(FIELD)/.ready  ## every real network that installs, counted twice: reports/field, about an hour
	$(FIELD)/bin/python benchmarks/field $(ARGS)

scale: $(READY)  ## time and memory with runs of 100,000 cases, on the page reports/scale
	$(BIN)/python benchmarks/scale $(ARGS)

docs: $(READY)  ## the documentation, into site/; a broken link or a missing anchor is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

docs-serve: docs  ## the same at http://127.0.0.1:8000, where its search works too
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory site

# torchvision and timm come alone: tests count their models, and need nothing that they need
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "convbench needs Python 3.11 or later: make PYTHON=python3.12 …"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--constraint constraints.txt torchvision timm
	@touch $@

$(FIELD)/.ready: $(READY) benchmarks/field/requirements.txt
	$(PYTHON) -m venv $(FIELD)
	$(BIN)/python -c 'import site; print(*site.getsitepackages(), sep="\n")' > \
		"$$($(FIELD)/bin/python -c 'import site; print(site.getsitepackages()[0])')/tests.pth"
	$(FIELD)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--requirement benchmarks/field/requirements.txt
	@touch $@

clean:
	rm -rf $(VENV) $(FIELD) build site *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks

# make demo   train a policy and drive it through unseen towns
# make test   the tests
# make check  formatting, lint, types, import rules

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := runs/demo
# Busy-waiting OpenMP threads cost a factor of ten where the processor is shared.
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: demo test test-slow check bench clean

demo: $(VENV)/.ready
	rm -rf $(RUN)
	$(BIN)/drivecnn train --config configs/demo.yaml --out $(RUN)
	$(BIN)/drivecnn evaluate $(RUN) --map procedural:1000-1009 --routes 100 --route_length 400 --junctions 3

test: $(VENV)/.ready
	$(BIN)/pytest -n 2 --dist loadfile

test-slow: $(VENV)/.ready
	$(BIN)/pytest -m slow

check: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.ready
	$(BIN)/python tests/benchmarks/speed.py
	$(BIN)/python tests/benchmarks/environment.py
	$(BIN)/python tests/benchmarks/network.py
	$(BIN)/python tests/benchmarks/encoders.py
	$(BIN)/python tests/benchmarks/maps.py
	$(BIN)/python tests/benchmarks/demo.py

$(VENV)/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet -e '.[dev]'
	touch $@

# numba's compiled kernels do not notice edits in the files that they import
clean:
	rm -rf $(VENV)
	find drivecnn envs \( -name '*.nbi' -o -name '*.nbc' \) -delete

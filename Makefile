# Answers whether this checkout works: `make check` asks all that CI asks.

PYTHON := .venv/bin/python
READY := .venv/ready

.PHONY: venv run test lint format types coverage smoke check rights fuzz bench bench-quick bench-login bench-history bench-client bench-metrics soak microbench screenshots wheel clean

MINUTES := 10

venv: $(READY)

$(READY): setup.py
	python3 -m venv .venv && .venv/bin/pip install -q -e '.[dev]'
	touch $@

# The next two are the README's commands, word for word.

run:
	python3 -m venv .venv && .venv/bin/pip install -q -e . && .venv/bin/twistd -n chatroom

test:
	python3 -m venv .venv && .venv/bin/pip install -q -e '.[dev]' && .venv/bin/python -m pytest

lint: $(READY)
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check

format: $(READY)
	$(PYTHON) -m ruff check --fix
	$(PYTHON) -m ruff format

types: $(READY)
	$(PYTHON) -m mypy

# The modules of which no branch may go untried are named in tests/rings.py.
coverage: $(READY)
	$(PYTHON) -m pytest -q -m 'not process' --cov --cov-report= --hypothesis-profile=coverage
	$(PYTHON) -m coverage report --fail-under=100 --include="$$($(PYTHON) -m tests.rings)"

# Starts a server, says hello, reads it back, stops it.
smoke: $(READY)
	.ci/smoke .venv/bin/twistd

check: test lint types coverage smoke

# Writes into docs/moderation.md who may ask for what, as the program has it.
rights: $(READY)
	$(PYTHON) -m tests.rights_page

# Looks for what breaks the server, from SEED on if one is given; what it finds, it leaves in fuzz-*.json.
fuzz: $(READY)
	$(PYTHON) -m fuzz --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

# This server beside others, on one core with the load on another: some 20 minutes, and less than one.
bench: $(READY)
	$(PYTHON) -m benchmarks

bench-quick: $(READY)
	$(PYTHON) -m benchmarks --quick

# Whether the time of a wrong login tells that the account exists, and what others notice of many.
bench-login: $(READY)
	$(PYTHON) -m benchmarks.login

# What entering, reading back and searching take where much was said, and what others notice of it.
bench-history: $(READY)
	$(PYTHON) -m benchmarks.history

# The client on a screen: how long it takes to start, to show a key, and 20,000 lines at once; and its memory.
bench-client: $(READY)
	$(PYTHON) -m benchmarks.client

# What the figures of --metrics cost: with and without, in turn.
bench-metrics: $(READY)
	$(PYTHON) -m benchmarks.metrics

# People come, talk, stall and vanish for MINUTES; memory, descriptors and latency are to stay as they are.
soak: $(READY)
	$(PYTHON) -m soak --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

# Each step of a line's way by itself, without collecting garbage, which the server does rarely.
microbench: $(READY)
	$(PYTHON) -m pytest -q -n 0 benchmarks/test_micro.py --benchmark-max-time=0.5 --benchmark-disable-gc \
		--benchmark-columns=median,iqr,rounds --benchmark-sort=name --benchmark-time-unit=us

# Makes the README's pictures of the client again; it says what it needs. Look at them.
screenshots: $(READY)
	$(PYTHON) -m docs.screenshots

# Of the last commit, from a clone: what lies around here does not get in.
wheel: $(READY)
	.venv/bin/pip wheel -q --no-deps --no-build-isolation --wheel-dir dist 'git+file://$(CURDIR)'
	ls dist

clean:
	rm -rf .venv build dist *.egg-info .coverage htmlcov .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The same commands everywhere: serve, test, lint, bench. The first one that runs makes .venv.

VENV := .venv
INSTALLED := $(VENV)/.installed
PYTHON ?= $(shell for each in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$each" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$each" && break; done)
TEST_PROCESSES ?= 2
CASSANDRA_TEST_PROCESSES ?= 3
TESTS ?= tests/dynamodb tests/storage/test_driver_contract.py tests/storage/test_cassandra_start.py

.PHONY: help serve serve-cassandra test test-cassandra test-faults lint bench bench-cassandra profile soak clean

help:
	@echo 'make serve   a server on http://127.0.0.1:8480, its data in ./data; ARGS="--bind-port 9000" passes flags'
	@echo 'make serve-cassandra  the same on a Cassandra that it starts, whose data are in ./data/cassandra (needs Java, Maven)'
	@echo 'make test    every test; ARGS="-k query" passes flags to pytest'
	@echo 'make test-cassandra  what clients see, on servers on a Cassandra that it starts (needs Java 17, Maven)'
	@echo 'make test-faults  nodes and servers of a real cluster die, hang and lie, under load (15 minutes; docs/faults.md)'
	@echo 'make lint    ruff, mypy and the direction of imports'
	@echo 'make bench   how fast it is beside its peers (needs wrk, npm); ARGS="--part connections" passes flags'
	@echo 'make bench-cassandra  what we add to the statements that a request needs, beside the raw driver (10 minutes)'
	@echo 'make profile where the time of a request goes, in microseconds for each layer'
	@echo 'make soak    ten minutes of mixed load and kills; ARGS="--minutes 2" passes flags'
	@echo 'make clean   remove $(VENV) and what the tools left'

serve: $(INSTALLED)
	@exec $(VENV)/bin/magnetodb-api $(ARGS)

# Another one on the same cluster: make serve-cassandra ARGS="--bind-port 8481". The last one stops it.
serve-cassandra: $(INSTALLED)
	@exec $(VENV)/bin/python -m tools.cassandra run --directory data/cassandra $(CASSANDRA_ARGS) -- \
		$(VENV)/bin/magnetodb-api --storage cassandra --cassandra-contact-points '{contact_points}' \
		--cassandra-port '{port}' --cassandra-create-schema $(ARGS)

test: $(INSTALLED)
	$(VENV)/bin/pytest -n $(TEST_PROCESSES) $(ARGS)

# One node for all tests; the first time its jars are fetched. TESTS="tests/dynamodb/test_query.py" runs some. Nobody kills
# the node here, so it need not wait for the disk with each write.
test-cassandra: $(INSTALLED)
	$(VENV)/bin/python -m tools.cassandra run --temporary --quick --address any \
		--set commitlog_sync=periodic --set commitlog_sync_period=10s -- \
		env MAGNETODB_TEST_CASSANDRA='{contact_points}:{port}' \
		$(VENV)/bin/pytest -n $(CASSANDRA_TEST_PROCESSES) --dist loadfile --no-loadscope-reorder $(TESTS) $(ARGS)

# Three nodes, two servers, a quarter of an hour; it writes docs/faults.md. ARGS="--only kill-node" runs some of it.
test-faults: $(INSTALLED)
	$(VENV)/bin/python -m tests.faults $(ARGS)
	$(if $(ARGS),,MAGNETODB_TEST_CASSANDRA=start MAGNETODB_TEST_FAULTS=1 \
		$(VENV)/bin/pytest -n 0 tests/tools/cassandra/test_real_nodes.py)

lint: $(INSTALLED)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

bench: $(INSTALLED)
	$(VENV)/bin/python -m benchmarks.run $(ARGS)

# One node, made for it; ARGS="--profile": where the time of our process goes.
bench-cassandra: $(INSTALLED)
	$(VENV)/bin/python -m benchmarks.cassandra $(ARGS)

profile: $(INSTALLED)
	$(VENV)/bin/python -m benchmarks.profile_request $(ARGS)

soak: $(INSTALLED)
	$(VENV)/bin/python -m benchmarks.soak $(ARGS)

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(INSTALLED): pyproject.toml constraints.txt
	@test -n '$(PYTHON)' || { echo 'MagnetoDB needs Python 3.11 or newer, and none was found.' \
		'Install one, or name it: make PYTHON=/path/to/python3' >&2; exit 1; }
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,cassandra]'
	@touch $@

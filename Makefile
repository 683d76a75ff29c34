# Everything a person or CI does with the clone. Every target may be run again and again.
PYTHON ?= python3
BIN := .venv/bin
# uv of the machine, or the one that setup puts into the virtual environment.
UV = $$(command -v uv || echo $(BIN)/uv)
CODE := stream agents models tests deploy

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup demo bench test test-tools lint dashboards clean requirements

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 14

setup: .venv/.installed build/kafka/.fetched build/.compiled ## make .venv, fetch Kafka, compile the learner

demo: setup ## real ratings through a real Kafka, live, with a table at the end
	$(BIN)/headwater demo

bench: setup ## how fast it is here, beside what Kafka alone can do
	$(BIN)/headwater bench

test: setup test-tools lint ## lint, then all tests, on a real Kafka and a real Prometheus too
	$(BIN)/pytest

# Programs that tests hold against what we write for them.
test-tools:
	@sh deploy/test-tools.sh docker-compose=docker-compose
	@sh deploy/prometheus/fetch.sh build/prometheus

lint: .venv/.installed ## style and types
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy
	$(BIN)/mypy deploy/examples

dashboards: .venv/.installed ## write deploy/prometheus and deploy/grafana anew
	$(BIN)/python -m deploy.monitoring

clean: ## stop the local broker, remove all that setup and runs have made
	@for pid in build/*/broker.pid build/demo/*/broker.pid; do \
	    [ ! -e $$pid ] || $(BIN)/headwater broker stop --data $$(dirname $$pid); \
	done
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

requirements:
	@sh deploy/requirements.sh $(PYTHON)

.venv/.installed: pyproject.toml deploy/install.sh | requirements
	[ -x $(BIN)/python ] || $(PYTHON) -m venv .venv
	command -v uv >/dev/null || [ -x $(BIN)/uv ] || $(BIN)/python -m pip install --quiet uv
	sh deploy/install.sh "$(UV)" $(BIN)/python
	touch $@

# About 44 MB. -U: a download that failed once is tried again.
build/kafka/.fetched: deploy/kafka/pom.xml | requirements
	rm -rf build/kafka
	mvn --quiet --batch-mode -U --file deploy/kafka/pom.xml dependency:copy-dependencies \
	    -DincludeScope=runtime -DoutputDirectory=$(CURDIR)/build/kafka
	touch $@

# Numba keeps the machine code beside the sources, so that no first run waits for it.
build/.compiled: $(wildcard models/*.py) .venv/.installed
	$(BIN)/python -c "from models.kernels import warm; warm()"
	mkdir -p build && touch $@

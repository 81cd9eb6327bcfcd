PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.complete
PRODUCTION := .venv-production
# What Kubernetes gets: there the names of cAdvisor's families are taken.
BUNDLED := deploy/helm/airflow-perf-exporter/bundled
FOR_KUBERNETES := --containers.metric-prefix airflow_container
ROWS ?= 1000000
LINES ?= 100009
VERSIONS ?= 3.3.2 2.11.2
SEEDS ?= 5
TRIES ?= 2000
RENDERER ?= ../shared/grafana-render
MINUTES ?= 12
OF_DATABASES := $(addprefix tests/,exactness $(addprefix integration/, \
	collectors/airflow faults history identity intake replay report support))

.DEFAULT_GOAL := help
.PHONY: help venv demo test test-units test-databases test-host check dist sbom pythons bench bench-db bench-containers bench-exposition bench-regressions bench-replay bench-report airflow-test exactness schemas docs golden screenshots pages lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

venv: $(STAMP) ## make .venv with everything that running and testing need

$(STAMP): tests/requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r tests/requirements.txt
	$(BIN)/pip install --quiet --no-build-isolation --no-deps --editable .
	touch $@

# What users install, and nothing else: development tools change what is loaded.
$(PRODUCTION)/.complete: deploy/requirements.txt
	$(PYTHON) -m venv $(PRODUCTION)
	$(PRODUCTION)/bin/pip install --quiet --require-hashes -r deploy/requirements.txt
	touch $@

demo: $(PRODUCTION)/.complete ## serve on an embedded Airflow database with a live workload
	$(PRODUCTION)/bin/python -m exporter demo

test: $(STAMP) ## run every test that this machine can run
	$(MAKE) --no-print-directory --jobs=3 --keep-going test-units test-databases test-host

# Three at a time: all but the first wait most of the time, for servers, processes and engines.
test-units: $(STAMP) ## those of units alone
	$(BIN)/python -m pytest -q tests/unit

test-databases: $(STAMP) ## those of what is read from databases alone
	$(BIN)/python -m pytest -q $(OF_DATABASES)

# One after the other, for they see one another's processes and containers.
test-host: $(STAMP) ## those of processes, containers and the whole alone
	$(BIN)/python -m pytest -q tests --ignore=tests/unit $(addprefix --ignore=,$(OF_DATABASES))

check: $(STAMP) ## format, lint, types, imports, docs, golden scrape
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/airflow-perf-exporter bundle reference --check docs
	$(BIN)/airflow-perf-exporter bundle rules --check grafana/rules
	$(BIN)/airflow-perf-exporter bundle dashboards --check grafana/dashboards
	$(BIN)/airflow-perf-exporter bundle grants --check deploy/sql
	$(BIN)/airflow-perf-exporter bundle rules --form crd $(FOR_KUBERNETES) --check $(BUNDLED)/rules
	$(BIN)/airflow-perf-exporter bundle dashboards $(FOR_KUBERNETES) --check $(BUNDLED)/dashboards

dist: $(STAMP) ## build the wheel and the sdist into dist/
	$(BIN)/python -m hatchling build -d dist

sbom: $(STAMP) ## write dist/sbom.cdx.json, the bill of materials of what users install (CycloneDX)
	mkdir -p dist
	$(BIN)/uv venv --quiet --clear .cache/sbom
	$(BIN)/uv pip install --quiet --python .cache/sbom --require-hashes -r deploy/requirements.txt
	$(BIN)/uv pip install --quiet --python .cache/sbom --no-deps .
	$(BIN)/uv tool run --quiet --from cyclonedx-bom==7.5.0 cyclonedx-py environment \
		--output-reproducible -o dist/sbom.cdx.json .cache/sbom

pythons: $(STAMP) ## run the unit tests on every Python from 3.10 on that is here
	bash .ci/pythons

bench: bench-db bench-containers bench-exposition $(PRODUCTION)/.complete ## print what a sample and a scrape cost
	$(BIN)/python -m bench.footprint --python $(PRODUCTION)/bin/python

bench-db: $(STAMP) ## cost of a sample on ROWS task instances (default 1000000)
	$(BIN)/python -m bench.database --rows $(ROWS)

bench-containers: $(STAMP) ## cost of containers and processes beside C and the Docker API
	$(BIN)/python -m bench.containers

bench-replay: $(STAMP) ## worker-hours and waits of several ways to scale on a month held back
	$(BIN)/python -m bench.replay

bench-report: $(STAMP) ## time and memory of a report on ROWS task instances (default 1000000)
	$(BIN)/python -m bench.report --rows $(ROWS)

bench-regressions: $(STAMP) ## false alarms and detections of the rule for regressions
	$(BIN)/python -m bench.regressions

bench-exposition: $(STAMP) ## cost of a scrape of LINES lines (default 100009) beside prometheus_client
	$(BIN)/python -m bench.exposition --lines $(LINES)
	$(BIN)/python -m bench.scrapers

airflow-test: $(STAMP) ## install real Airflow VERSIONS and dbt, run DAGs, compare with the database
	AIRFLOW_TEST_VERSIONS="$(VERSIONS)" REQUIRE_ALL=1 $(BIN)/python -m pytest -q -m airflow $(OPTIONS) tests/airflow tests/dbt

exactness: $(STAMP) ## chaos writers against the counting rules: SEEDS seeds of TRIES tries a schema
	$(BIN)/python -m tests.exactness --seeds $(SEEDS) --tries $(TRIES) --schema 3.3 --schema 2.11

schemas: $(STAMP) ## record the tables of real Airflow versions again
	$(BIN)/python -m tests.airflow.record_schemas

docs: $(STAMP) ## write the reference pages, rules, dashboards and grants from the code
	$(BIN)/airflow-perf-exporter bundle reference --write docs
	$(BIN)/airflow-perf-exporter bundle rules --write grafana/rules
	$(BIN)/airflow-perf-exporter bundle dashboards --write grafana/dashboards
	$(BIN)/airflow-perf-exporter bundle grants --write deploy/sql
	$(BIN)/airflow-perf-exporter bundle rules --form crd $(FOR_KUBERNETES) --write $(BUNDLED)/rules
	$(BIN)/airflow-perf-exporter bundle dashboards $(FOR_KUBERNETES) --write $(BUNDLED)/dashboards

golden: $(STAMP) ## write the golden scrape again; read its diff
	$(BIN)/python -m pytest -q tests/scrape --update-golden

# Not in CI: it needs node, npm, chromium, and the renderer, which is no part of the project.
screenshots: $(STAMP) ## draw the dashboards by RENDERER from MINUTES of the demo, on two Grafana versions
	$(BIN)/python -m tests.screenshots --renderer $(RENDERER) --minutes $(MINUTES)

pages: $(STAMP) ## draw the report and /tasks by headless Chromium, after MINUTES of the demo
	mkdir -p .pages
	$(BIN)/python -m tests.pages --seconds $$(($(MINUTES) * 60)) --out .pages

lock: $(STAMP) ## resolve the dependencies again
	$(BIN)/uv pip compile pyproject.toml --extra report --universal --python-version 3.10 --generate-hashes \
		--no-header --quiet --upgrade -o deploy/requirements.txt
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.10 \
		--generate-hashes --no-header --quiet --upgrade -c deploy/requirements.txt -o tests/requirements.txt

clean: ## remove what the targets made
	rm -rf $(VENV) $(PRODUCTION) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

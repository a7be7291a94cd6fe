# Two commands: `make results/crucible2/phases.png` (or any other file of the workflow), `make test`.

PYTHON ?= python3
CORES ?= $(shell getconf _NPROCESSORS_ONLN)
RESULTS ?= results
MAKEFLAGS += --no-builtin-rules
.SECONDARY: # keep results that were made on the way
.NOTPARALLEL: # one call of Snakemake after the other, for they lock the folder; each uses all cores
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Snakemake and matplotlib keep caches at home. Where there is none to write to, they do so here.
ifneq ($(shell test -d "$$HOME" -a -w "$$HOME" && echo writable),writable)
export HOME := $(CURDIR)/.snakemake/home
endif
ready := .venv/installed

RUN ?= crucible2
ARCHIVE ?= $(RUN).tar
RESULTS ?= results

.PHONY: help report findings watch verify archive import docs bench test faults test-slow test-long test-cuda test-slurm test-browser lint format lock FORCE

help:
	@echo "make results/RUN/FILE   compute one file, for instance results/crucible2/phases.png;"
	@echo "                        OPTIONS='--configfile mine.yaml' goes to snakemake"
	@echo "make report             results/report.html: the verdicts, every figure, provenance"
	@echo "make findings           docs/findings.md, its sources and pictures, from results;"
	@echo "                        OPTIONS='--configfile config/findings.yaml ...'"
	@echo "make verify             whether all of results/ is as it was made; RESULTS=DIR for another folder"
	@echo "make archive RUN=NAME   NAME.tar: a run to hand over; make import ARCHIVE=NAME.tar takes it"
	@echo "make watch RUN=NAME     a run while it trains: loss, motion and phases so far;"
	@echo "                        RESULTS=folder; OPTIONS='--scratch DISK --masks FILE --seconds 5'"
	@echo "make test               the test suite"
	@echo "make test-slow          what takes a minute or so each; make test-long what takes many"
	@echo "make faults             kills, damage, failures, wrong and foreign files: docs/reliability.md"
	@echo "make test-cuda          what needs a CUDA device; make test-slurm what needs a real Slurm"
	@echo "make test-browser       the pages, in a real browser (Debian's chromium and chromium-driver)"
	@echo "make bench              ratios: steps, neighbours, analyses, files, a fetch, calls of Snakemake, growth, watching, a sweep"
	@echo "make lint               format and lint checks; make format mends what it can"
	@echo "make lock               rewrite the second half of requirements.txt from the first"

results/%: $(ready) FORCE
	snakemake --cores $(CORES) $@ $(OPTIONS)

# The page is renamed last: under its name it is complete. It needs no network.
report: results/report.html

results/report.html: $(ready) FORCE
	python workflow/scripts/provenance/put_report.py --report $@
	snakemake --cores $(CORES) report_results $(OPTIONS)
	snakemake report_results --report results/.partial.report.html \
	  --report-stylesheet workflow/report/style.css $(OPTIONS)
	PYTHONPATH=workflow/scripts python workflow/scripts/report/finish_report.py \
	  --made results/.partial.report.html --script workflow/report/report.js \
	  --report results/.partial.finished.html
	rm results/.partial.report.html
	python workflow/scripts/provenance/put_report.py --page results/.partial.finished.html --report $@

PLANNING = PYTHONPATH=workflow:workflow/scripts python -m planning

verify: $(ready)
	@$(PLANNING).verified $(RESULTS) $(OPTIONS)

archive: $(ready)
	@$(PLANNING).archived $(RUN) --archive $(ARCHIVE) --results $(RESULTS) $(OPTIONS)

import: $(ready)
	@python workflow/scripts/provenance/import_archive.py --archive $(ARCHIVE)

# The pictures that it shows are copied last, by the pattern below.
findings: $(ready)
	snakemake --cores $(CORES) results/findings.md $(OPTIONS)
	python workflow/scripts/report/copy_findings.py --manifest results/findings.json --docs docs
	pictures=$$(sed -n 's,.*](\(figures/[^)]*\.png\)).*,docs/\1,p' docs/findings.md); \
	  test -z "$$pictures" || $(MAKE) $$pictures

# Writes nothing and locks nothing: the run trains elsewhere, in another terminal or job.
watch: $(ready)
	@python workflow/scripts/report/watch_run.py --run '$(RESULTS)/$(RUN)' $(OPTIONS)

# The pictures in docs/ are copies of what the workflow draws.
define picture
docs/figures/%_$(1).png: results/%/$(1).png
	cp $$< $$@
endef
$(foreach name,phases phase_transitions freezing momentum gradients drift kick onset account forecast black_holes,$(eval $(call picture,$(name))))

test: $(ready)
	pytest -m "not cuda and not slurm and not slow and not long and not browser" --numprocesses auto --dist worksteal

# All faults of docs/reliability.md, which takes long; `make test` has a few of each kind.
faults: $(ready)
	FAULTS=all pytest tests/faults --numprocesses auto --dist worksteal

test-slow: $(ready)
	pytest -m "slow and not cuda and not slurm" --numprocesses auto --dist worksteal

test-long: $(ready)
	pytest -m long tests/unit tests/workflow --numprocesses auto --dist worksteal

test-cuda: $(ready)
	pytest -m cuda

test-slurm: $(ready)
	pytest -m slurm

test-browser: $(ready)
	pytest -m browser tests/browser

bench: $(ready)
	PYTHONPATH=workflow:workflow/scripts python benchmarks/steady.py
	PYTHONPATH=workflow:workflow/scripts python benchmarks/step.py
	PYTHONPATH=workflow:workflow/scripts python benchmarks/neighbours.py
	PYTHONPATH=workflow:workflow/scripts python benchmarks/head.py
	PYTHONPATH=workflow:workflow/scripts python benchmarks/analysis.py
	PYTHONPATH=workflow:workflow/scripts python benchmarks/files.py
	PYTHONPATH=workflow:workflow/scripts python benchmarks/records.py
	PYTHONPATH=workflow:workflow/scripts python benchmarks/growth.py
	PYTHONPATH=workflow:workflow/scripts python benchmarks/vocabulary.py
	PYTHONPATH=workflow/scripts:tests/workflow python benchmarks/fetch.py
	PYTHONPATH=workflow:workflow/scripts python benchmarks/watch.py
	PYTHONPATH=workflow:workflow/scripts python benchmarks/census.py
	python benchmarks/calls.py
	python benchmarks/sweep.py

lint: $(ready)
	ruff format --check .
	ruff check .
	snakefmt --check Snakefile workflow/Snakefile workflow/rules
	snakemake --lint

format: $(ready)
	ruff format .
	ruff check --fix .
	snakefmt Snakefile workflow/Snakefile workflow/rules

$(ready): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	  f"error: {sys.executable} is Python {sys.version.split()[0]}; this needs 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	pip install --quiet --requirement requirements.txt
	pip install --quiet --no-deps --editable .
	touch $@

lock:
	PYTHON=$(PYTHON) sh workflow/envs/lock.sh

docs: $(ready)
	PYTHONPATH=workflow python -m planning.reference

# make demo · make test · make check: the only commands to remember.
# make bench measures speed and memory beside other tools (docs/benchmarks.md).
# The first Python that the pins are made for; set PYTHON to choose another one.
PYTHON ?= $(shell for candidate in python3 python3.13 python3.12 python3.11; do \
  $$candidate -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
  && { $$candidate -c 'import sys; print(sys.executable)'; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
export UV_PYTHON_DOWNLOADS := never
DEMO := tests/demo
SNAKEMAKE := $(BIN)/snakemake --workflow-profile workflow/profiles/default
DIRECTORY ?= .
SIMULATOR := $(wildcard scripts/aftercar/simulate/*.py) $(DEMO)/make_data.py resources/genes/exons.tsv resources/genes/proteins.fa

.PHONY: demo cluster-demo test check selftest bench sign export format docs validation audit lock clean

# The synthetic cohort through the whole pipeline; a second run finds nothing to do.
demo: $(VENV)/.installed $(DEMO)/data/.complete
	$(SNAKEMAKE) --directory $(DEMO) --quiet rules progress
	@$(BIN)/python $(DEMO)/show_results.py

# The same through SLURM, in a folder that all nodes share; set partition and account in the profile:
# make cluster-demo DIRECTORY=/shared/path (OPTIONS="--slurm-no-account" and the like, if needed)
cluster-demo: $(VENV)/.installed $(DEMO)/data/.complete
	@if [ "$(DIRECTORY)" = . ]; then echo "Name a folder that all nodes share: make cluster-demo DIRECTORY=/shared/path" >&2; exit 1; fi
	mkdir -p $(DIRECTORY) && cp -R $(DEMO)/config $(DEMO)/data $(DIRECTORY)
	$(BIN)/snakemake --workflow-profile workflow/profiles/slurm --directory $(DIRECTORY) $(OPTIONS)

# All tests. With CI=true a missing Chromium, axe-core, SLURM or ../shared/data is a failure.
# axe-core checks accessibility; npm only fetches it, tests/browser/axe-core.json pins its content.
# Three processes for two cores: whole workflows often wait, for SLURM, for files, for each other.
test: $(VENV)/.installed-dev $(DEMO)/data/.complete
	@$(BIN)/python tests/browser/axe_core.py
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(TESTS)

# Does this installation give what it should? Planted truth through every stream, with controls;
# about a minute. make selftest KEEP=/a/new/folder keeps data and tables.
selftest: $(VENV)/.installed
	@PYTHONPATH=scripts:. OMP_NUM_THREADS=1 $(BIN)/python -m tests.selftest.run $(if $(KEEP),--keep $(KEEP))

# Style and types, without running the pipeline.
check: $(VENV)/.installed-dev
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/mypy

# Speed and memory beside other tools, of which each has its pins in benchmarks/; under half an hour.
# One part alone: make bench BENCH=gating (or batch, residual_disease, variants, cell_...); the part
# scale, half an hour more, is measured by name only: make bench BENCH=scale. The parts
# variants and cell_variants need the public CD19 reference and freebayes, bcftools and samtools of
# Debian 12; what is missing is named before anything is measured.
bench: $(VENV)/.installed benchmarks/.venv/.installed
	PYTHONPATH=scripts $(BIN)/python -m benchmarks.run $(BENCH)

# Sign a patient's report after review, and check all signatures:
# (all of them, and all pages, are checked without PATIENT; HEAD is the head noted after signing)
# make sign PATIENT=P03 REVIEWER="R. Viewer" DIRECTORY=/path/to/the/working/directory
sign: $(VENV)/.installed
	cd $(DIRECTORY) && $(abspath $(BIN)/python) $(CURDIR)/scripts/sign_report.py $(if $(PATIENT),$(PATIENT) --reviewer "$(REVIEWER)",--verify $(if $(HEAD),--head $(HEAD)))

# A copy of reports (profile research) and tables with keyed pseudonyms, for handing on:
# make export KEY=/elsewhere/key OUT=/path/to/write DIRECTORY=/path/to/the/working/directory
export: $(VENV)/.installed
	cd $(DIRECTORY) && $(abspath $(BIN)/python) $(CURDIR)/scripts/export_research.py $(OUT) --key $(KEY)

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format . ; $(BIN)/snakefmt Snakefile workflow

# The reference of sheets, settings and tables, from schemas and contracts.
docs: $(VENV)/.installed
	PYTHONPATH=scripts $(BIN)/python docs/write_reference.py

# The accuracy experiments, and their tables in docs/validation.md: about an hour. One part alone:
# make validation VALIDATION=cytometry or VALIDATION=risk (five minutes), VALIDATION=expression (a
# quarter of an hour) or VALIDATION=variants, which needs freebayes and bcftools.
validation: $(VENV)/.installed-dev
	PYTHONPATH=scripts:. OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m tests.accuracy.write_validation $(VALIDATION)

# uv is many times faster than pip; both check every hash. The stamp is written last.
$(VENV)/.installed: requirements.txt
	@if [ -z "$(PYTHON)" ]; then \
	  echo "AfterCAR needs Python 3.11, 3.12 or 3.13; found $$(python3 --version 2>&1). Install one, or run: make PYTHON=/path/to/python3.12" >&2; exit 1; fi
	@if command -v uv >/dev/null 2>&1; then \
	  uv venv --quiet --allow-existing --python $(PYTHON) $(VENV) && \
	  uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.txt; \
	else \
	  $(PYTHON) -m venv $(VENV) && \
	  $(BIN)/python -m pip install --quiet --require-hashes -r requirements.txt; \
	fi
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.txt
	@if command -v uv >/dev/null 2>&1; then \
	  uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-dev.txt; \
	else \
	  $(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.txt; \
	fi
	@touch $@

# Environments of their own: the tools that are measured, the program that audits.
%/.venv/.installed: %/requirements.txt $(VENV)/.installed
	@if command -v uv >/dev/null 2>&1; then \
	  uv venv --quiet --allow-existing --python $(BIN)/python $*/.venv && \
	  uv pip install --quiet --python $*/.venv/bin/python --require-hashes -r $<; \
	else \
	  $(BIN)/python -m venv $*/.venv && \
	  $*/.venv/bin/python -m pip install --quiet --require-hashes -r $<; \
	fi
	@touch $@

$(DEMO)/data/.complete: $(SIMULATOR) | $(VENV)/.installed
	PYTHONPATH=scripts $(BIN)/python $(DEMO)/make_data.py $(DEMO)
	@touch $@

# Known weaknesses of all pins, asked of PyPI or OSV; a pin that nobody answers for is not clean.
audit: tests/audit/.venv/.installed
	tests/audit/.venv/bin/python tests/audit/audit_pins.py $(AUDIT)

# New pins from requirements*.in, for Python 3.11 to 3.13 at once.
lock:
	uv pip compile requirements.in --universal --fork-strategy fewest --python-version 3.11 \
	  --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --quiet -o requirements.txt
	uv pip compile requirements-dev.in --universal --fork-strategy fewest --python-version 3.11 \
	  --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --quiet -o requirements-dev.txt
	uv pip compile benchmarks/requirements.in --universal --fork-strategy fewest --python-version 3.11 \
	  --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --quiet -o benchmarks/requirements.txt
	uv pip compile tests/audit/requirements.in --universal --fork-strategy fewest --python-version 3.11 \
	  --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --quiet -o tests/audit/requirements.txt

clean:
	rm -rf $(DEMO)/data $(DEMO)/truth $(DEMO)/config/*.tsv $(DEMO)/results $(DEMO)/reports $(DEMO)/logs $(DEMO)/.snakemake

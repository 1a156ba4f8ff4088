# `make` replicates, `make test` checks. Both set up .venv first, with the exact pinned versions.
PYTHON ?= python3
CORES ?= all
SEEDS ?= 1 2 3 4 5
# Files for --configfile, such as config/imagenette.yaml.
CONFIG ?=
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-compile \
  --require-hashes --requirement
# What takes long to compile, in two parts that take about the same time.
IMPORTED := torch._dynamo,torchvision,lightning_fabric \
  snakemake.cli,papermill,nbconvert,ipykernel.kernelapp,seaborn,sklearn.model_selection,statsmodels.api
# One script per benchmark; common.py and plot.py are what they share.
BENCHMARKS := $(filter-out benchmarks/common.py benchmarks/plot.py,$(wildcard benchmarks/*.py))
# The scripts of the pipeline start their own Python: let them find this environment's.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export MPLBACKEND := agg
# What the jobs import is compiled once, and not by every job, also where this is set.
export PYTHONDONTWRITEBYTECODE :=
# Files and messages are UTF-8, whatever the locale.
export PYTHONUTF8 := 1
# Snakemake keeps a cache in the home folder, and ends with a traceback where it cannot.
ifneq ($(shell folder="$${XDG_CACHE_HOME:-$${HOME:-/dev/null}/.cache}/snakemake"; \
  mkdir -p "$$folder" 2>&- && rmdir "$$(mktemp -d "$$folder/XXXXXX" 2>&-)" 2>&- && echo yes),yes)
export XDG_CACHE_HOME := $(CURDIR)/.snakemake/cache
endif

.PHONY: all setup config lint types unit coverage docs smoke test test-peers test-slurm test-repeat test-faults test-container seeds benchmark clean

# As a module: the first line of .venv/bin/snakemake cannot name every path, nor one that has changed.
all: setup
ifeq ($(CONFIG),)
	@# The verdicts are printed below, also where nothing had to be done.
	XGRADIENT_VERDICTS=later $(BIN)/python -m snakemake --cores $(CORES)
	@echo
	@$(BIN)/python -m experiments.claim_counts results/tables/claims.csv
	@echo
	@echo "Tables:   results/tables/   (CSV, Markdown, LaTeX; executed notebooks as HTML)"
	@echo "Figures:  results/figures/  (PDF, PNG)"
	@echo "Report:   results/report.html"
else
	@# Snakemake itself reads the files before this project can say what is wrong with them.
	$(BIN)/python -m experiments.config_check $(CONFIG)
	$(BIN)/python -m snakemake --cores $(CORES) --configfile $(CONFIG)
endif

setup: .venv/installed

.venv/installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$$($(PYTHON) --version) is too old: 3.11 or newer is needed; name one with make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	@# The list is complete, so that two pips may divide it: half of the time is PyTorch with CUDA. The
	@# pip that comes with Python 3.11 would take twice as long; a new one is in the list as well.
	awk '/^[a-z]/ { part = /^pip==/ ? "pip" : /^(torch|triton|nvidia|cuda)/ ? "torch" : "rest" } \
	  part { print > (".venv/" part ".txt") }' requirements.txt
	$(INSTALL) .venv/pip.txt
	printf '%s\n' .venv/rest.txt .venv/torch.txt | xargs -n 1 -P 2 $(INSTALL)
	@# Python compiles what it imports. Most of what was installed is never imported. Where this fails,
	@# jobs say it better.
	printf '%s\n' $(IMPORTED) | xargs -n 1 -P 2 $(BIN)/python -c 'import sys, importlib; \
	  [importlib.import_module(name) for name in sys.argv[1].split(",")]' || true
	touch $@

# config.yaml and its schema for editors, from the models in experiments/*/config.py.
config: setup
	$(BIN)/python -m experiments.config_file --write config.yaml --schema config/schema.json

# The checks of .pre-commit-config.yaml, over everything.
lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/codespell
	$(MAKE) --no-print-directory types
	$(BIN)/snakemake --lint

types: setup
	$(BIN)/mypy

unit: setup
	$(BIN)/python -m pytest tests --ignore=tests/pipeline --ignore=tests/slurm --ignore=tests/repeat \
	  --ignore=tests/faults --ignore=tests/container --numprocesses auto --dist worksteal $(COVERAGE)

# Warnings are errors. The unit tests build it as well, and run the code of its pages.
docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "Documentation:  site/index.html"

smoke: setup
	$(BIN)/python -m snakemake --cores $(CORES) --configfile config/smoke.yaml
	$(BIN)/python -m pytest tests/pipeline

# The same with what they cover of xgradient and experiments, which takes longer.
coverage:
	$(MAKE) --no-print-directory unit COVERAGE=--cov

test: lint unit smoke

# The library against other packages for attribution, in an environment that adds them to the packages
# of .venv. `make test` runs the same tests with what .venv has, which is Captum.
test-peers: .venv-peers/installed
	.venv-peers/bin/python -m pytest tests/peers

.venv-peers/installed: .venv/installed pyproject.toml
	$(BIN)/python -m venv .venv-peers
	@# What .venv has is found there.
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
	  > "$$(.venv-peers/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/project.pth"
	.venv-peers/bin/python -c 'import tomllib; project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
	  print(*project["optional-dependencies"]["peers"], sep="\n")' > .venv-peers/requirements.txt
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check \
	  --requirement .venv-peers/requirements.txt
	touch $@

# The workflow on a Slurm of one node, started for the test; skipped where Slurm cannot be had.
test-slurm: setup
	$(BIN)/python -m pytest tests/slurm

# The workflow three times: with other cores, shards, orders of jobs and hash seeds, and with threads.
test-repeat: setup
	$(BIN)/python -m pytest tests/repeat
	@echo "Differences across numbers of threads:  results/repeat/threads.csv"

# A small run, killed twenty times, against one that is left alone: up to an hour on a busy machine.
test-faults: setup
	$(BIN)/python -m pytest --capture=no tests/faults

# The image of the Containerfile, built and run; skipped where it cannot be built. Takes 20 GB of disk
# while it lasts.
test-container: setup
	$(BIN)/python -m pytest tests/container

# The trainings of the default run with five seeds: which verdicts hang on the seed. Half an hour or two.
seeds: setup
	for seed in $(SEEDS); do \
	  $(BIN)/python -m snakemake --cores $(CORES) --configfile config/seeds.yaml \
	    --config seed=$$seed results=results/seeds/$$seed \
	    -- results/seeds/$$seed/tables/claims.csv || exit 1; \
	done
	$(BIN)/python -m experiments.robustness results/seeds/*/tables/claims.csv \
	  --output results/seeds/tables/margins.csv
	@echo "Verdicts over the seeds:  results/seeds/tables/margins.csv"

# Quiet machine, one after the other: what is measured is time.
benchmark: setup
	for script in $(BENCHMARKS); do $(BIN)/python $$script || exit 1; done
	$(BIN)/python benchmarks/plot.py
	@echo "Benchmarks:  results/benchmarks/  (CSV, PDF, PNG)"

clean:
	rm -rf results/*/ results/report.html results/config.yaml results/exact_claims_hold \
	  results/ro-crate-metadata.json results/Snakefile .snakemake .coverage site

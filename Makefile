# The commands of this project. Each sets up what it needs in .venv, with python3 and pip alone.

PYTHON ?= python3
KILLS ?= 1000
DATABASE ?= both
BIN := .venv/bin
TORCH := .venv-torch/bin
RAY := .venv-ray/bin

.PHONY: demo serve test test-pages test-torch test-ray check bench bench-collage bench-pages bench-peers bench-queue bench-scaling bench-torch screenshots sheet chaos lock clean

demo: .venv/base  ## The main job on real pictures; prints where the result is.
	$(BIN)/officina demo

serve: .venv/base  ## A server on this machine, with its data in ./officina-data.
	$(BIN)/officina serve

test: .venv/dev  ## Everything that tests itself without further downloads.
	$(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test-torch: .venv-torch/ready  ## The diffusers engine on tiny random pipelines, in an environment with torch.
	$(TORCH)/pytest tests-torch

test-ray: .venv-ray/ready  ## A fleet on a Ray cluster of several nodes, all of them on this machine.
	$(RAY)/pytest tests-ray

test-pages: .venv/dev  ## The pages in a real browser; needs Chromium.
	$(BIN)/pytest -m browser tests/pages --numprocesses auto --maxprocesses 4

screenshots: .venv/dev  ## A picture of every page, in three widths, both themes and two languages.
	$(BIN)/python tests/pages/screenshots.py
	$(BIN)/python tests/pages/screenshots.py --docs docs/pictures

check: .venv/dev  ## Format, lint, types, floors, models.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/officina models check

bench: .venv/dev  ## Benchmarks, as ratios against something measured in the same run.
	$(BIN)/python benchmarks/http.py

bench-torch: .venv-torch/ready  ## What the diffusers engine takes beside the bare call of its pipeline.
	$(TORCH)/python -m benchmarks.diffusers_overhead

bench-collage: .venv/dev  ## The collage engine against its floor: decoding, its nets, encoding.
	$(BIN)/python benchmarks/collage.py

bench-pages: .venv/dev  ## What each page costs, against a bare route with the same bytes.
	$(BIN)/python benchmarks/pages.py

bench-peers: .venv/dev .venv-peers/ready  ## A trivial job's whole way beside six other servers, with a kill of each.
	$(BIN)/python -m benchmarks.peers

bench-queue: .venv/dev .venv-peers/ready  ## The queue on SQLite and PostgreSQL beside pgqueuer and procrastinate.
	$(BIN)/python -m benchmarks.queue

bench-scaling: .venv/dev  ## How 1 to 8 workers of a sleeping engine add up.
	$(BIN)/python -m benchmarks.scaling

sheet: .venv/base  ## A contact sheet of what the collage engine makes, in sheet-output.
	$(BIN)/python examples/contact_sheet.py sheet-output

chaos: .venv/dev  ## Kills everything at random under load, and counts; with SEED=n the dice of an earlier run.
	$(BIN)/python tests/chaos/chaos.py --kills $(KILLS) --database $(DATABASE) $(if $(SEED),--seed $(SEED)) $(if $(SECONDS),--seconds $(SECONDS))

lock:  ## For maintainers: pin every dependency again (needs uv).
	uv pip compile pyproject.toml --group build --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-annotate --no-header -q --upgrade -o requirements/base.txt
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-annotate --no-header -q --upgrade -o requirements/dev.txt -c requirements/base.txt

clean:
	rm -rf .venv .venv-torch .venv-ray .venv-peers .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Officina needs Python 3.11 or newer; name one with: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/base: requirements/base.txt pyproject.toml | .venv/bin/python
	$(BIN)/pip install --quiet --require-hashes -r requirements/base.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev: requirements/dev.txt .venv/base
	$(BIN)/pip install --quiet --require-hashes -r requirements/dev.txt
	@touch $@

# Without hashes: torch has other files, with other hashes, for each kind of device.
.venv-torch/ready: requirements/torch.txt requirements/base.txt pyproject.toml
	$(PYTHON) -m venv .venv-torch
	$(TORCH)/pip install --quiet --require-hashes -r requirements/base.txt
	$(TORCH)/pip install --quiet -r requirements/torch.txt
	$(TORCH)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.venv-ray/ready: requirements/ray.txt requirements/base.txt pyproject.toml
	$(PYTHON) -m venv .venv-ray
	$(RAY)/pip install --quiet --require-hashes -r requirements/base.txt
	$(RAY)/pip install --quiet -r requirements/ray.txt
	$(RAY)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.venv-peers/ready: requirements/peers.txt
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/pip install --quiet -r requirements/peers.txt
	@touch $@

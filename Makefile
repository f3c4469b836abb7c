# `make help` lists what there is. Everything runs from a fresh clone: each target sets up what it needs.
SHELL := /bin/sh
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
NAME ?= dev
NODES ?= 2
GPUS ?= 4
ENGINE ?= sim
WORKERS ?= 2
INPUTS ?= 10000000
SEED ?= 1
SEEDS ?= 1

.PHONY: help init native model fuzz lock check check-native fix test test-fast e2e e2e-long bench-operator bench-router bench-limits bench-gates bench-affinity bench-cache bench-similar bench-autoscaling e2e-vllm e2e-kind demo demo-rollout crds golden \
	cluster-up cluster-down cluster-shell clean

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-18s %s\n", $$1, $$2}'

init: ## the virtual environment and the system packages that are missing
	@scripts/setup

native: ## Envoy's native filters, where cargo is (Rust 1.85); without them Lua does their work
	@cargo=$$(scripts/cargo) || exit 0; \
	$$cargo build --quiet --release --locked --manifest-path native/Cargo.toml && \
	mkdir -p operator/tidegate/native && \
	{ cmp -s native/target/release/libtidegate.so operator/tidegate/native/libtidegate.so || install native/target/release/libtidegate.so operator/tidegate/native/; }

model: init ## the model that makes vectors of texts, for answers to similar questions; without it caches answer the same questions only
	$(PYTHON) -m tidegate.embedding.build

fuzz: ## what the filters read as a body's model against two slow parsers: INPUTS=10000000 SEED=1
	cargo=$$(scripts/cargo) && cd native && FUZZ_INPUTS=$(INPUTS) FUZZ_SEED=$(SEED) $$cargo test --quiet --release --locked many_bodies -- --ignored --nocapture

lock: init ## write requirements/*.txt anew from pyproject.toml
	.venv/bin/uv pip compile --quiet --generate-hashes --universal --no-header --python-version 3.11 pyproject.toml -o requirements/runtime.txt
	.venv/bin/uv pip compile --quiet --generate-hashes --universal --no-header --python-version 3.11 --extra dev pyproject.toml -o requirements/dev.txt
	for extra in semantic semantic-build; do .venv/bin/uv pip compile --quiet --generate-hashes --universal --no-header --python-version 3.11 --constraints requirements/dev.txt --extra $$extra pyproject.toml -o requirements/$$extra.txt; done

check: init check-native ## lint, format, types, layers, and whether generated files are current
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	$(PYTHON) -m scripts.generated --check

check-native: ## format, lint and unit tests of native/, where cargo is; Debian's has no clippy
	@cargo=$$(scripts/cargo) || exit 0; cd native && \
	{ ! $$cargo fmt --version >/dev/null 2>&1 || $$cargo fmt --check; } && \
	{ ! $$cargo clippy --version >/dev/null 2>&1 || $$cargo clippy --quiet --all-targets --locked -- -D warnings; } && \
	$$cargo test --quiet --locked

fix: init ## what the linter and the formatter can mend, and generated files
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .
	$(PYTHON) -m scripts.generated

crds: init ## crds/, the chart's copy, docs/reference and manifests/, from the models and the chart
	$(PYTHON) -m scripts.generated
	$(PYTHON) -m scripts.install_manifest

golden: init ## write the expected outputs of the golden tests anew; read the difference before you commit it
	$(PYTHON) -m pytest tests/plan/test_golden.py tests/envoy/test_fixed.py --update-golden -q

test: init native ## all tests, on real components; builds Kubernetes and Prometheus once (about 9 minutes)
	$(PYTHON) -m e2e.devcluster prepare
	$(PYTHON) -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder -m "not vllm and not long" e2e tests

test-fast: init native ## the tests that need no cluster
	$(PYTHON) -m pytest -n $(WORKERS) --dist loadscope -m "not cluster and not vllm" tests

e2e: init native ## the tests on the dev cluster alone
	$(PYTHON) -m e2e.devcluster prepare
	$(PYTHON) -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder -m "cluster and not long and not vllm" e2e

e2e-long: init native ## the tests under the full load, and those that take minutes; what they measured is printed at the end
	$(PYTHON) -m e2e.devcluster prepare
	$(PYTHON) -m pytest -rA -m long --timeout=900 --durations=0 e2e

bench-operator: init ## 100, 300 and 1,000 models against a bare client; a table in docs/benchmarks.md
	$(PYTHON) -m e2e.devcluster prepare
	$(PYTHON) -m benchmarks.operator --docs

bench-router: init native ## what a request costs in routers, ours and others' (15 minutes; theirs are installed into a cache); tables in docs/benchmarks.md
	$(PYTHON) -m benchmarks.router --docs

bench-limits: init ## what a decision about limits costs the brain (3 minutes); a table in docs/benchmarks.md
	$(PYTHON) -m benchmarks.limits --docs

bench-gates: init ## what the gates of a rollout do, on simulated traffic (5 to 10 minutes); tables and a plot in docs/benchmarks.md
	$(PYTHON) -m benchmarks.gates --docs

bench-affinity: init native ## what PrefixAffinity does for prefix caches and first tokens, and what it costs (5 to 6 minutes); tables in docs/benchmarks.md
	$(PYTHON) -m benchmarks.affinity --docs

bench-cache: init native model ## what the response cache costs and saves, beside LiteLLM's and GPTCache (3 minutes); tables and plots in docs/cache.md and docs/semantic-cache.md
	$(PYTHON) -m benchmarks.cache --docs
	$(PYTHON) -m benchmarks.similar --docs

bench-similar: model ## answers to similar questions: right and wrong ones by the rule, and what they cost (a minute; a part of bench-cache); tables and a plot in docs/semantic-cache.md
	$(PYTHON) -m benchmarks.similar --docs

bench-autoscaling: init ## what autoscaling costs and what it saves, beside others, simulated (12 minutes; SEEDS=1); tables and a plot in docs/autoscaling.md
	$(PYTHON) -m benchmarks.autoscaling --seeds $(SEEDS) --docs

e2e-vllm: init ## the quickstart's tests with a real vLLM on the CPU (6 GB of downloads the first time)
	e2e/vllm/install
	$(PYTHON) -m pytest -m vllm e2e

e2e-kind: init ## the quickstart on a kind cluster (needs Docker and kind)
	e2e/kind/run

demo: init native ## a real cluster, the operator from its chart, the quickstart, a streamed answer, and Prometheus
	@test "$(ENGINE)" != vllm || e2e/vllm/install
	@$(PYTHON) -m e2e.demo --name $(NAME) --engine $(ENGINE)

demo-rollout: init ## after `make demo`, on its cluster: a good revision is promoted and a bad one taken back, live (2 minutes)
	@$(PYTHON) -m e2e.demo_rollout --name $(NAME)

cluster-up: init ## a dev cluster: NAME=dev NODES=2 GPUS=4
	$(PYTHON) -m e2e.devcluster up --name $(NAME) --nodes $(NODES) --gpus $(GPUS)

cluster-down: ## end it
	$(PYTHON) -m e2e.devcluster down --name $(NAME)

cluster-shell: ## a shell inside its network, with KUBECONFIG set
	$(PYTHON) -m e2e.devcluster shell --name $(NAME)

clean: ## remove what was built here
	rm -rf native/target operator/tidegate/native operator/tidegate/embedding/minilm .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist

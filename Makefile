# What a person types; `make` alone tells what there is. The work is cargo's, and .ci/run calls the same targets.

.DEFAULT_GOAL := help
.PHONY: help run test check fmt clippy docs deny schema schema-update unit bench load release native native-test venv node

# Where cargo builds: CARGO_TARGET_DIR, or the clone's own `target`.
TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
VENV := $(TARGET)/venv
NODE := $(TARGET)/node
TOOLS := $(TARGET)/tools

# CI builds what Cargo.lock says and nothing else.
LOCKED := $(if $(CI),--locked)

# The binary that the tests build anyway. `cargo build` would compile all dependencies once more, since those of the tests
# switch features on.
BUILD_AS_TESTED := cargo test --quiet --workspace --no-run $(LOCKED)

# For `make run`: ARGS='--listen 127.0.0.1:8181 --admin 127.0.0.1:9191'
ARGS ?=

help:
	@echo 'make run      install what is missing, build, and start the demo on 127.0.0.1:8080'
	@echo 'make test     install what is missing, make the Python and Node environments, run all tests'
	@echo 'make check    what CI runs: fmt, clippy, docs, deny, schema, tests'
	@echo 'make bench    benchmarks of decoding, editing and relaying streams'
	@echo 'make load     load beside nginx and a bare Pingora proxy; says whether the promises hold'
	@echo 'make release  the optimized binary, in $(TARGET)/release/sluicegate'
	@echo
	@echo 'Parts of check: make fmt | clippy | docs | deny | schema | test'
	@echo 'make unit     tests that need neither Python nor the network'
	@echo 'make schema-update   write conf/sluicegate.schema.json anew'

run: native
	@echo '==> building the gateway (some minutes the first time)'
	@cargo build $(LOCKED)
	@echo '==> starting the demo'
	@exec $(TARGET)/debug/sluicegate demo $(ARGS)

test: native-test venv node
	@echo '==> running all tests'
	@SLUICEGATE_REQUIRE_VENV=1 cargo test --workspace $(LOCKED)

unit: native
	@echo '==> running the tests inside the sources'
	@cargo test --lib $(LOCKED)

check: fmt clippy docs deny schema test
	@echo '==> all checks passed'

fmt:
	@echo '==> checking the format (cargo fmt --all mends it)'
	@cargo fmt --all --check
	@rustfmt --check --edition 2024 fuzz/fuzz_targets/*.rs

clippy: native
	@echo '==> asking clippy, warnings are errors'
	@cargo clippy --workspace --all-targets $(LOCKED) -- -D warnings

docs: native
	@echo '==> building the documentation of the code, warnings are errors'
	@RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps $(LOCKED)

deny: native
	@echo '==> checking licences and sources of the dependencies'
	@scripts/cargo-deny $(TOOLS)

schema: native
	@echo '==> comparing conf/sluicegate.schema.json with the code, and checking every configuration'
	@$(BUILD_AS_TESTED)
	@$(TARGET)/debug/sluicegate schema | diff -u conf/sluicegate.schema.json - \
		|| { echo 'the schema is old: make schema-update' >&2; exit 1; }
	@$(TARGET)/debug/sluicegate schema --models | diff -u conf/models.schema.json - \
		|| { echo 'the schema of models is old: make schema-update' >&2; exit 1; }
	@for file in conf/*.yaml $(wildcard ../shared/acceptance/*.yaml); do \
		$(TARGET)/debug/sluicegate check -c $$file || exit 1; done

schema-update: native
	@echo '==> writing conf/sluicegate.schema.json'
	@$(BUILD_AS_TESTED)
	@$(TARGET)/debug/sluicegate schema > $(TARGET)/schema.json && mv $(TARGET)/schema.json conf/sluicegate.schema.json
	@$(TARGET)/debug/sluicegate schema --models > $(TARGET)/schema.json && mv $(TARGET)/schema.json conf/models.schema.json

bench: native
	@echo '==> running the benchmarks (optimized build first, some minutes)'
	@cargo bench $(LOCKED) --bench codec

load: native-test
	@echo '==> measuring under load (optimized build first, then about 2½ minutes)'
	@benches/load/run

release: native
	@echo '==> building the optimized binary (link-time optimization: some minutes)'
	@cargo build --release $(LOCKED)
	@ls -lh $(TARGET)/release/sluicegate

native:
	@echo '==> looking for native packages'
	@scripts/native-packages build

native-test:
	@echo '==> looking for native packages'
	@scripts/native-packages test

venv: native-test
	@echo '==> looking after the Python environment of the tests'
	@scripts/python-venv $(VENV)

node: native-test
	@echo '==> looking after the Node modules of the tests'
	@scripts/node-modules $(NODE)

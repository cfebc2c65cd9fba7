# Everything that is needed is installed into .venv, from package registries only.
#   make demo    build, convert a sample corpus, show the result
#   make test    build, run every test
#   make check   make test, and lint, types, formatting, documentation
#   make test-faults   what a run leaves after a fault, on all roads, at every call and more random times
#   make test-consumers   the rows, read back by the code of their consumers (installs that)
#   make test-free-threaded   faults and threads in a Python without a GIL (needs PYTHON=python3.14t, or later)
#   make bench   the comparison with other tools (installs them)
#   make fuzz    each fuzz target for SECONDS=60 (needs a nightly toolchain and cargo-fuzz)
#   make asan    the Rust tests of hostile inputs under AddressSanitizer (needs a nightly toolchain)
#   make miri    the scanner and its texts under Miri (needs a nightly toolchain with miri)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := $(shell find rust python -type f -not -path '*/__pycache__/*') build.rs Cargo.toml Cargo.lock pyproject.toml README.md

.PHONY: demo test test-rust test-python test-faults test-consumers test-free-threaded check lint bench fuzz asan miri build lock format clean
.DEFAULT_GOAL := help

help:
	@sed -n 's/^#   //p' Makefile

$(VENV)/.tools: requirements-dev.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

$(VENV)/.installed: $(VENV)/.tools $(SOURCES)
	rm -rf dist
	$(BIN)/maturin build --release --locked --quiet --out dist
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --force-reinstall dist/*.whl
	@touch $@

build: $(VENV)/.installed

demo: build
	mkdir -p demo
	$(BIN)/raftfast sample --size 200MB --output demo/corpus.jsonl
	$(BIN)/raftfast convert demo/corpus.jsonl --output demo/train.jsonl --to chat
	@echo "The first row of demo/train.jsonl, cut:"
	@head -n 1 demo/train.jsonl | cut -c 1-400

test: test-rust test-python

test-rust:
	cargo test --locked --quiet

test-python: build
	$(BIN)/pytest

# `make test` has some roads, one random time for each and every seventh call; this has all.
test-faults: build
	$(BIN)/pytest tests/faults --long

# The rows read back by the code of their consumers, which is installed into an environment of its own.
test-consumers: build
	$(PYTHON) -m venv $(VENV)-consumers
	$(VENV)-consumers/bin/pip install --quiet --disable-pip-version-check --no-deps -r requirements-consumers.txt dist/*.whl
	$(VENV)-consumers/bin/python -m pytest tests/consumers

# A wheel of its own, and what needs no more of the tools than has wheels for such a Python.
FREE := $(VENV)-free-threaded
test-free-threaded:
	$(call needs,$(PYTHON) -c 'import sys; assert not sys._is_gil_enabled()',a Python without a GIL: PYTHON=python3.14t)
	$(PYTHON) -m venv $(FREE)
	$(FREE)/bin/pip install --quiet --disable-pip-version-check --only-binary :all: -c requirements-dev.txt \
		maturin click tqdm pyarrow pytest hypothesis
	rm -rf $(FREE)/dist
	$(FREE)/bin/maturin build --release --locked --quiet --interpreter $(FREE)/bin/python --out $(FREE)/dist
	$(FREE)/bin/pip install --quiet --disable-pip-version-check --no-deps --force-reinstall $(FREE)/dist/*.whl
	$(FREE)/bin/python -m pytest tests/test_in_python.py tests/faults

lint: build
	cargo fmt --check
	cargo clippy --locked --all-targets --quiet -- -D warnings
	cargo clippy --locked --features python --quiet -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items --quiet
	$(BIN)/ruff format --check python tests benches
	$(BIN)/ruff check python tests benches
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest raftfast._raftfast --ignore-missing-stub

check: test lint

bench: build
	$(BIN)/python benches/compare.py --out docs/benchmark

SECONDS := 60
NIGHTLY := cargo +nightly
FUZZ_TARGETS := $(basename $(notdir $(wildcard fuzz/fuzz_targets/*.rs)))
needs = @$(1) >/dev/null 2>&1 || { echo "make $@ needs $(2)" >&2; exit 1; }

# What is found is put into fuzz/found; what is kept of it, into fuzz/corpus, which tests/fuzz.rs runs too.
fuzz:
	$(call needs,$(NIGHTLY) --version,a nightly toolchain: rustup toolchain install nightly)
	$(call needs,$(NIGHTLY) fuzz --version,cargo-fuzz: cargo install cargo-fuzz)
	@for target in $(FUZZ_TARGETS); do \
		mkdir -p fuzz/found/$$target && \
		$(NIGHTLY) fuzz run $$target fuzz/found/$$target fuzz/corpus/$$target -- \
			-max_total_time=$(SECONDS) -dict=fuzz/tokens.dict || exit 1; \
	done

# The libraries in C are not instrumented; what they read and write at our calls is.
asan: HOST = $(shell $(NIGHTLY) -vV | sed -n 's/^host: //p')
asan:
	$(call needs,$(NIGHTLY) --version,a nightly toolchain: rustup toolchain install nightly)
	RUSTFLAGS=-Zsanitizer=address $(NIGHTLY) test --locked --target $(HOST) --target-dir target/asan \
		--test fuzz --test scan --test find --test rewrite --test text --test batch --test decode

# All unsafe code is in rust/scan. Miri knows AVX2 if it is told that the CPU has it, and no AVX-512.
miri:
	$(call needs,$(NIGHTLY) miri --version,a nightly toolchain with miri: rustup toolchain install nightly --component miri)
	MIRIFLAGS=-Zmiri-disable-isolation $(NIGHTLY) miri test --locked --target-dir target/miri \
		--lib -- scan:: text::
	MIRIFLAGS=-Zmiri-disable-isolation RUSTFLAGS=-Ctarget-feature=+avx2 \
		$(NIGHTLY) miri test --locked --target-dir target/miri \
		--test fuzz -- a_line cpu_paths text_is arrays

format:
	cargo fmt
	$(BIN)/ruff format python tests benches
	$(BIN)/ruff check --fix python tests benches

# Pins what the .in file asks for, as it is today.
lock:
	$(PYTHON) -m venv .lock
	.lock/bin/pip install --quiet -r requirements-dev.in
	.lock/bin/pip freeze > requirements-dev.txt
	rm -rf .lock

clean:
	rm -rf $(VENV) demo dist target

# Centrale. `make run` starts an exchange, `make test` runs every test. Each installs what it needs and says so.

TARGET := $(or $(CARGO_TARGET_DIR),target)
CENTRALE := $(TARGET)/release/centrale
ARGS ?=

.PHONY: help build run test bench lint web

help:
	@echo 'make run     build, and start an exchange for one developer (centrale dev); ARGS="--https 127.0.0.1:9443" for options'
	@echo 'make test    run every test; the last line says how many passed'
	@echo 'make build   make $(CENTRALE) and web/client/dist'
	@echo 'make bench   compare with peers, side by side; ARGS="--quick" for a short run'
	@echo 'make lint    format, lints, types, layers'

build: web
	cargo build --release --locked -p centrale-server

web:
	@scripts/need build
	@scripts/need web web/client
	cd web/client && npm run --silent build
	cd web/demo && npm run --silent build

run: build
	$(CENTRALE) dev $(ARGS)

test:
	@scripts/need test
	@scripts/test $(ARGS)

bench: web
	@scripts/need bench
	@bench/run $(ARGS)

lint: web
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo run --quiet --locked -p xtask -- check
	cd web/client && npm run --silent check
	cd web/demo && npm run --silent check

# Everything a user types; `make help` lists it. Cargo does the work, and tools/bootstrap sees to it that there is a
# cargo that can. Variables given on the command line reach the guest's runner (tools/src/bin/qemu.rs) as environment.

SHELL := /bin/bash
export PATH := $(PATH):$(if $(CARGO_HOME),$(CARGO_HOME),$(HOME)/.cargo)/bin
TARGET := x86_64-unknown-none

.PHONY: help run test check soak bench demo iso bootstrap

help:
	@sed -n 's/^#: \{0,1\}//p' Makefile

#: Strata: a small kernel whose root is a stack of layers.
#:
#:   make run      boot to a shell on this terminal (Ctrl-A X quits)
#:     SCRIPT=file       run these shell commands instead, print their output, exit with their status
#:     ROOT=dir          pack this directory as the initramfs
#:     INITRAMFS=file    boot this cpio archive (newc, also gzipped)
#:     APPEND=words      add to the kernel's command line
#:     MEM=512M          the guest's memory        TIMEOUT=60  seconds until a script counts as hung
#:     V=1               show the kernel's messages with a script's output
#:     ACCEL=kvm         QEMU's accelerator (default: tcg, which runs anywhere)
#:   make demo     a guided tour in the guest
#:   make test     everything: host tests, tests in the guest, end to end (under ten minutes)
#:   make check    formatting, lints and documentation, warnings as errors
#:   make soak     the long runs: fuzzing, big models, many seeds
#:   make bench    measure in guest instructions; writes the table in BENCHMARKS.md
#:   make iso      an image that GRUB boots, from BIOS or UEFI
#:
#: After the first of these plain cargo works as well: cargo test; cargo ktest -- FILTER; cargo strata.
#: `make` itself exits with 2 whatever went wrong; `SCRIPT=file cargo strata` has the script's own status.

bootstrap:
	@tools/bootstrap

run: bootstrap
	@cargo strata

test: bootstrap
	cargo test
	cargo ktest

check: bootstrap
	cargo fmt --all --check
	cargo clippy --all-targets -- -D warnings
	cargo clippy -p boot -p kernel --target $(TARGET) -- -D warnings
	cargo clippy -p kernel --bins --profile test --target $(TARGET) -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc -q --no-deps
	RUSTDOCFLAGS="-D warnings" cargo doc -q --no-deps -p boot -p kernel --target $(TARGET)

bench: bootstrap
	BENCH=$(CURDIR)/BENCHMARKS.md cargo strata --features bench

# Everything a user types; `make help` lists it. Cargo does the work, and tools/bootstrap sees to it that there is a
# cargo that can. Variables given on the command line reach the guest's runner (tools/src/bin/qemu.rs) as environment.

SHELL := /bin/bash
export PATH := $(PATH):$(if $(CARGO_HOME),$(CARGO_HOME),$(HOME)/.cargo)/bin
TARGET := x86_64-unknown-none
# A build of its own: its locks belong to the scheduler of the tests.
SCHEDULES := -p vfs --features shuttle --test schedules

GUEST_LOG := $(or $(CARGO_TARGET_DIR),target)/ktest.log

.PHONY: help run test check soak bench docs demo iso bootstrap

help:
	@sed -n 's/^#: \{0,1\}//p' Makefile

#: Strata: a small kernel whose root is a stack of layers.
#:
#:   make run      boot to a shell on this terminal (Ctrl-A X quits): BusyBox's if tools/bootstrap got it, or the kernel's
#:     INIT=path         the first program (default: the image's /init, /sbin/init, /bin/sh); none: the kernel's own shell
#:     SCRIPT=file       run these commands instead in the kernel's own shell, print their output, exit with their
#:                       status; with INIT=path that program gets them as its input
#:     ROOT=dir          pack this directory as the initramfs
#:     INITRAMFS=file    boot this cpio archive (newc, also gzipped)
#:     APPEND=words      add to the kernel's command line
#:     MEM=512M          the guest's memory        TIMEOUT=60  seconds until a script counts as hung
#:     V=1               show the kernel's messages with a script's output
#:     ACCEL=kvm         QEMU's accelerator (default: tcg, which runs anywhere)
#:   make demo     a guided tour in the guest
#:   make test     everything: host tests, tests in the guest, end to end (about ten minutes, the first time eleven)
#:   make check    formatting, lints and documentation, warnings as errors
#:   make soak     the long runs: fuzzing, big models, many seeds
#:   make bench    measure in guest instructions; writes the table in BENCHMARKS.md
#:   make docs     write docs/linux-abi.md: which of Linux's system calls are there
#:   make iso      an image that GRUB boots, from BIOS or UEFI
#:
#: After the first of these plain cargo works as well: cargo test; cargo ktest -- FILTER; cargo strata.
#: `make` itself exits with 2 whatever went wrong; `SCRIPT=file cargo strata` has the script's own status.

bootstrap:
	@tools/bootstrap

USERS_ROOT := $(ROOT)$(INITRAMFS)

# Told nothing else, boot a small tree of our own, so that the root has a layer below.
run demo: export ROOT := $(or $(ROOT),$(if $(INITRAMFS),,tools/root))

# That tree has BusyBox in it, if there is one.
run: export BUSYBOX := $(or $(BUSYBOX),$(if $(USERS_ROOT),,$(or $(CARGO_TARGET_DIR),target)/packages/busybox/root/data/bin/busybox))

run: bootstrap
	@cargo strata

# The guest's tests run beside the host's, and whatever those say; what they say comes last.
test: bootstrap
	@mkdir -p $(dir $(GUEST_LOG)); cargo ktest >$(GUEST_LOG) 2>&1 & guest=$$!; trap "kill $$guest; exit 130" INT TERM; \
	cargo test --no-fail-fast; host=$$?; cargo test $(SCHEDULES) || host=$$?; \
	wait $$guest; guest=$$?; cat $(GUEST_LOG); [ $$guest = 0 ] && exit $$host

# The documentation is for who changes the code: private rooms are in it, and may be linked to.
check: DOC_FLAGS := -D warnings -A rustdoc::private_intra_doc_links
check: bootstrap
	cargo fmt --all --check
	cargo clippy --all-targets -- -D warnings
	cargo clippy $(SCHEDULES) -- -D warnings
	cargo clippy -p boot --target $(TARGET) -- -D warnings
	cargo clippy -p kernel --all-targets --target $(TARGET) -- -D warnings
	cargo clippy -p kernel --features bench --target $(TARGET) -- -D warnings
	RUSTDOCFLAGS="$(DOC_FLAGS)" cargo doc -q --no-deps --document-private-items
	RUSTDOCFLAGS="$(DOC_FLAGS)" cargo doc -q --no-deps --document-private-items -p boot -p kernel --target $(TARGET)

# Rust's own tests marked #[ignore] are the long ones.
soak: bootstrap
	cargo test --release -- --ignored --nocapture
	cargo test --release $(SCHEDULES) -- --ignored --nocapture

# BusyBox runs in the guest where the bootstrap could get it.
bench: export ROOT := $(wildcard $(or $(CARGO_TARGET_DIR),target)/packages/busybox/root/data)
bench: bootstrap
	BENCH=$(CURDIR)/BENCHMARKS.md cargo strata --features bench

docs: bootstrap
	LINUX_ABI=$(CURDIR)/docs/linux-abi.md cargo strata

# Shows every line of the tour before the guest runs it.
demo: bootstrap
	@mkdir -p target/strata
	@awk '{ shown = $$0; gsub(/\047/, "\047\\\047\047", shown) } \
		/^#/ || /^$$/ { print "echo \047" shown "\047"; next } \
		{ print "echo \047$$ " shown "\047"; print }' tools/root/tour.sh tools/root/layers.sh >target/strata/demo.sh
	@SCRIPT=target/strata/demo.sh cargo strata

# GRUB enters the kernel by its multiboot2 header, on BIOS and on UEFI machines.
iso: bootstrap
	@command -v grub-mkrescue >/dev/null && command -v xorriso >/dev/null && command -v mformat >/dev/null || { \
		echo "make iso needs grub-mkrescue, xorriso and mformat; on Debian:"; \
		echo "  apt-get install grub-common grub-pc-bin grub-efi-amd64-bin xorriso mtools"; exit 1; }
	cargo build -q --release -p kernel --target $(TARGET)
	@rm -rf target/iso && mkdir -p target/iso/boot/grub
	@cp $${CARGO_TARGET_DIR:-target}/$(TARGET)/release/kernel target/iso/boot/strata
	@$(if $(INITRAMFS),cp $(INITRAMFS) target/iso/boot/initramfs)
	@printf 'set timeout=0\nmenuentry Strata {\n  multiboot2 /boot/strata %s\n$(if $(INITRAMFS),  module2 /boot/initramfs\n)}\n' \
		"$(APPEND)" >target/iso/boot/grub/grub.cfg
	@grub-mkrescue -o target/strata.iso target/iso 2>target/iso.log || { cat target/iso.log; exit 1; }
	@echo "target/strata.iso: try qemu-system-x86_64 -cdrom target/strata.iso -m 512M -serial mon:stdio -display none"

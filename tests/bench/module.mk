# SPDX-License-Identifier: Apache-2.0
#
# Benchmarks: ratios to bare QEMU, runc and crun. bench.sh says what is measured and how.
#
#	make bench BENCH="run exec"   some sections: run delete state exec stdio network pod disk hotplug podman memory marginal smallest parallel scale
#	make bench RUNS=20            more runs of each (default 10)
#	BENCH_STRICT=1                a missed goal fails

BENCH ?=
BENCH_RUNS ?= $(or $(RUNS),10)
export BENCH_RUNS
BENCH_TOOLS := guest hotplug measure netbench stream timeline
BENCH_GUEST := guest netbench

$(BENCH_GUEST:%=$(B)/tests/bench/%): $(B)/tests/bench/%: tests/bench/%.c $(B)/compile.flags
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -Os -fno-pie -no-pie -static -s -o $@ $<

# A program of the library's, as any other
$(B)/tests/bench/hotplug: tests/bench/hotplug.c $(B)/libmoat.so.$(VERSION) $(B)/compile.flags
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(LDFLAGS_ALL) -pie -o $@ $< -L$(B) -lmoat -Wl,-rpath,'$$ORIGIN/../..'

$(patsubst %,$(B)/tests/bench/%,$(filter-out $(BENCH_GUEST) hotplug,$(BENCH_TOOLS))): $(B)/tests/bench/%: tests/bench/%.c $(call lib,base) $(B)/compile.flags
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(LDFLAGS_ALL) -pie -o $@ $< $(call lib,base) -ljansson -lyajl

# Images of the distribution's kernel, which `make guest` does not take when there is one of our own, and of the latter. A
# package that `make guest` has downloaded is not downloaded again.
BENCH_IMAGES := $(BUILD)/bench

bench-images: guest
	$(Q)mkdir -p $(BENCH_IMAGES)/stock
	$(Q)if [ -d $(G)/download ] && [ ! -e $(BENCH_IMAGES)/stock/download ]; then \
		ln -sfn ../../guest/download $(BENCH_IMAGES)/stock/download; fi
	$(Q)$(MAKE) --no-print-directory G=$(BENCH_IMAGES)/stock guest
	$(Q)if [ -e $(GK)/vmlinux ]; then \
		$(MAKE) --no-print-directory G=$(BENCH_IMAGES)/tuned KERNEL=$(GK)/vmlinux MODULES_DIR= guest; fi

bench: all bench-images $(BENCH_TOOLS:%=$(B)/tests/bench/%) ## times and memory against bare QEMU, runc, crun (BENCH="run exec ...", RUNS=10)
	$(Q)BUILD='$(BUILD)' tests/bench/bench.sh $(BENCH)

.PHONY: bench bench-images

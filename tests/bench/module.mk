# SPDX-License-Identifier: Apache-2.0
#
# Benchmarks: ratios to bare QEMU, runc and crun. bench.sh says what is measured and how.
#
#	make bench BENCH="run exec"   some sections: run state exec stdio memory
#	make bench BENCH_RUNS=20      more runs of each (default 5)
#	BENCH_MACHINE=microvm         another machine type
#	BENCH_STRICT=1                a missed goal fails

BENCH ?=
BENCH_TOOLS := guest measure stream timeline

$(B)/tests/bench/guest: tests/bench/guest.c $(B)/compile.flags
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(CFLAGS_ALL) -Os -fno-pie -no-pie -static -s -o $@ $<

$(patsubst %,$(B)/tests/bench/%,$(filter-out guest,$(BENCH_TOOLS))): $(B)/tests/bench/%: tests/bench/%.c $(call lib,base) $(B)/compile.flags
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(LDFLAGS_ALL) -pie -o $@ $< $(call lib,base) -ljansson -lyajl

bench: all guest $(BENCH_TOOLS:%=$(B)/tests/bench/%) ## times and memory against bare QEMU, runc, crun (BENCH="run exec ...", BENCH_RUNS=5)
	$(Q)BUILD='$(BUILD)' tests/bench/bench.sh $(BENCH)

.PHONY: bench

# SPDX-License-Identifier: Apache-2.0
#
# The bats files of tests/bats, against moat or, where they test what both have in common, runc.
#
#	make bats BATS_FILES="run exec"        some files
#	make bats BATS_FLAGS="-f 'exit code'"  some tests
#	MOAT_TEST_STRICT=1                     a skipped test fails
#	MOAT_TEST_MACHINE=microvm              another machine type for all of them
#	RUNTIME=runc MOAT=/path/to/moat        what is tested

include tests/bench/module.mk
include tests/lab/module.mk

BATS_TOOLS := killat recvtty subreaper
BATS_FILES ?=
BATS_FLAGS ?=

# The one tool of several files, which speaks to the agent itself
AGENT_DRIVE := $(B)/tests/tools/agent_drive
AGENT_DRIVE_OBJS := $(patsubst %.c,$(B)/%.o,$(sort $(wildcard tests/tools/agent_*.c)))

$(AGENT_DRIVE): $(AGENT_DRIVE_OBJS) $(call lib,wire) $(call lib,base) $(B)/link.flags
	$(call say,LD,$@)
	$(Q)$(CC) $(LINK_DYNAMIC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group \
		$(TEST_LIBS)

bats-tools: $(AGENT_DRIVE) $(BATS_TOOLS:%=$(B)/tests/tools/%) $(BENCH_TOOLS:%=$(B)/tests/bench/%)

$(B)/tests/tools/%: tests/tools/%.c $(B)/compile.flags
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(LDFLAGS_ALL) -pie -o $@ $<

bats: all guest bats-tools ## run the bats files (BATS_FILES="run exec ..." for some, BATS_FLAGS=)
	$(Q)BUILD='$(BUILD)' bats $(BATS_FLAGS) $(or $(BATS_FILES:%=tests/bats/%.bats),tests/bats)

bats-runc: bats-tools ## the same against runc, which must pass too
	$(Q)BUILD='$(BUILD)' RUNTIME=runc bats --filter-tags '!moat' $(BATS_FLAGS) $(or $(BATS_FILES:%=tests/bats/%.bats),tests/bats)

.PHONY: bats bats-tools bats-runc

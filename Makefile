# SPDX-License-Identifier: Apache-2.0
#
# One non-recursive Makefile; each folder's module.mk names its sources.
# Build trees: build/$(VARIANT)/, VARIANT = release debug asan cov fuzz analyze.
# `make help` lists the targets, HACKING.md explains them.

MAKEFLAGS += --no-builtin-rules --no-builtin-variables
.SUFFIXES:
.DELETE_ON_ERROR:

VERSION := 0.1.0
VARIANT ?= release
# Two makes at a time in one checkout want a tree each: make BUILD=build/mine ...
BUILD ?= build
B := $(BUILD)/$(VARIANT)

ifneq ($(filter $(VARIANT),release debug asan cov fuzz analyze),$(VARIANT))
$(error VARIANT=$(VARIANT) is not one of: release debug asan cov fuzz analyze)
endif

all:

# ---- layers: folder -> folders it may include; also what it links with ----

MODULES := base wire oci config devices hypervisor libruntime monitor standin agent cmd

LAYER_base :=
LAYER_wire := base
LAYER_oci := base
LAYER_config := base
LAYER_devices := oci wire base
LAYER_hypervisor := devices oci wire base
LAYER_libruntime := hypervisor devices config oci wire base
LAYER_monitor := hypervisor devices config oci wire base
LAYER_standin := wire base
LAYER_agent := oci wire base
LAYER_cmd := libruntime hypervisor devices config oci wire base
# Where it is less than what is linked: the command is a program of the library's as any other.
INCLUDES_cmd := libruntime/moat.h base

# ---- programs: the folder whose objects they are made of, and libraries ----

PROGRAMS := moat moat-monitor moat-standin moat-agent
FOLDER_moat := cmd
FOLDER_moat-monitor := monitor
FOLDER_moat-standin := standin
FOLDER_moat-agent := agent
LIBS_moat := -ljansson -lyajl -lseccomp -lcap -lxxhash -lnl-route-3 -lnl-3
LIBS_moat-monitor := -ljansson -lyajl -lseccomp -lcap -lxxhash
LIBS_moat-standin := -ljansson -l:libyajl_s.a -lcap
LIBS_moat-agent := -ljansson -l:libyajl_s.a -lcap
STATIC_PROGRAMS := moat-standin moat-agent
# Tests may play systemd; programs load its library when they need it.
TEST_LIBS := -ljansson -lyajl -lseccomp -lcap -lxxhash -lnl-route-3 -lnl-3 -lsystemd

include $(wildcard $(MODULES:=/module.mk))

# ---- flags ----

ifeq ($(VARIANT),fuzz)
CC := clang
else
CC := gcc
endif
AR := $(if $(filter fuzz,$(VARIANT)),ar,gcc-ar)
LD := ld
OBJCOPY := objcopy
ARCH := $(shell uname -m)

WARN := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wpointer-arith -Wwrite-strings -Wundef \
	-Wformat=2 -Wno-unused-parameter -Wno-missing-field-initializers
ifeq ($(WERROR),1)
WARN += -Werror
endif

CPPFLAGS_ALL := -D_GNU_SOURCE -I. -I$(B) -isystem /usr/include/libnl3 $(CPPFLAGS)
# Field tables write pointers of every type through void **.
CFLAGS_ALL := -std=gnu11 -fno-strict-aliasing $(WARN)
LDFLAGS_ALL := -Wl,--as-needed

ifeq ($(VARIANT),release)
FORTIFY := $(shell $(CC) -O2 -Werror -D_FORTIFY_SOURCE=3 -include features.h -E -x c /dev/null >/dev/null 2>&1 && \
	echo 3 || echo 2)
CPPFLAGS_ALL += -D_FORTIFY_SOURCE=$(FORTIFY)
CFLAGS_ALL += -O2 -g -fPIE -fstack-protector-strong -ffunction-sections -fdata-sections
ifeq ($(ARCH),x86_64)
CFLAGS_ALL += -fcf-protection
endif
LDFLAGS_ALL += -Wl,-z,relro,-z,now -Wl,--gc-sections
else ifeq ($(VARIANT),debug)
CFLAGS_ALL += -O0 -g3 -fPIE
else ifeq ($(VARIANT),asan)
CFLAGS_ALL += -O1 -g -fPIE -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
LDFLAGS_ALL += -fsanitize=address,undefined
else ifeq ($(VARIANT),cov)
CFLAGS_ALL += -O0 -g -fPIE --coverage -fprofile-update=atomic
LDFLAGS_ALL += --coverage
else ifeq ($(VARIANT),fuzz)
CFLAGS_ALL += -O1 -g -fPIE -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=all
LDFLAGS_ALL += -fsanitize=address,undefined
else ifeq ($(VARIANT),analyze)
# gcc 12 calls each pointer stored at a variable index a leak; LeakSanitizer looks for those.
CFLAGS_ALL += -O1 -g -fPIE -DMOAT_ANALYZE -fanalyzer -Wno-analyzer-malloc-leak -Wno-unused-value
endif
CFLAGS_ALL += $(CFLAGS)
LDFLAGS_ALL += $(LDFLAGS)

# The two programs of which many run, or which every guest carries, are built for size.
ifeq ($(VARIANT),release)
CFLAGS_agent := -Os
CFLAGS_standin := -Os
endif
# What is also in libmoat: only what its header says is seen from outside.
$(foreach m,libruntime $(LAYER_libruntime),$(eval CFLAGS_$(m) := -fPIC -fvisibility=hidden))
# A sanitizer's runtime cannot be linked statically.
LINK_DYNAMIC := -pie
LINK_STATIC := $(if $(filter asan fuzz,$(VARIANT)),-pie,-static -no-pie)

Q := $(if $(filter 1,$(V)),,@)
say = @printf '  %-5s %s\n' '$(1)' '$(2)'

# ---- objects and libraries ----

objs = $(patsubst %.c,$(B)/%.o,$($(1)_SRC))
lib = $(if $($(1)_SRC),$(B)/$(1)/lib$(1).a)
# A folder's own library and those of the layers below it, as far as they exist.
libs = $(foreach m,$(1) $(LAYER_$(1)),$(call lib,$(m)))
uniq = $(if $(1),$(firstword $(1)) $(call uniq,$(filter-out $(firstword $(1)),$(1))))

ALL_SRC := $(foreach m,$(MODULES),$($(m)_SRC))
BUILT_PROGRAMS := $(foreach p,$(PROGRAMS),$(if $($(FOLDER_$(p))_SRC),$(p)))

TEST_SRC := $(sort $(wildcard tests/unit/test_*.c))
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))
TESTS := $(TEST_SRC:tests/unit/%.c=%)
FUZZERS := $(FUZZ_SRC:tests/fuzz/%.c=%)

all: libs programs ## build the programs (default)
libs: $(foreach m,$(MODULES),$(call lib,$(m)))
programs: $(BUILT_PROGRAMS:%=$(B)/%)

# `make base` builds one folder's library, without the others.
define module_rules
.PHONY: $(1)
$(1): $(call lib,$(1))
$(call lib,$(1)): $(call objs,$(1)) $(B)/$(1)/sources
	$$(call say,AR,$$@)
	$$(Q)rm -f $$@.new && $$(AR) rcs $$@.new $$(filter %.o,$$^) && mv $$@.new $$@
# A source that went away has to leave the archive too.
$(B)/$(1)/sources: FORCE
	$$(call update,$($(1)_SRC))
endef
$(foreach m,$(MODULES),$(if $($(m)_SRC),$(eval $(call module_rules,$(m)))))

# Rewritten only when their text changes, so that what depends on them is rebuilt exactly then.
COMPILE_LINE = $(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) agent:$(CFLAGS_agent) standin:$(CFLAGS_standin) libmoat:$(CFLAGS_libruntime)
LINK_LINE = $(CC) $(LDFLAGS_ALL) $(LINK_STATIC) $(foreach p,$(PROGRAMS),$(LIBS_$(p))) $(TEST_LIBS)
COMMIT := $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)

update = $(Q)mkdir -p $(@D) && printf '%s\n' '$(1)' >$@.$$$$ && \
	if cmp -s $@.$$$$ $@; then rm $@.$$$$; else mv $@.$$$$ $@; fi

$(B)/compile.flags: FORCE
	$(call update,$(COMPILE_LINE))
$(B)/link.flags: FORCE
	$(call update,$(LINK_LINE))
$(B)/version.h: FORCE
	$(call update,#define MOAT_VERSION "$(VERSION)"' '#define MOAT_COMMIT "$(COMMIT)")
FORCE:

cflags_of = $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(CFLAGS_$(firstword $(subst /, ,$(1)))) $(if $(filter tests/unit/%,$(1)),$(CHECK_CFLAGS))

$(B)/%.o: %.c $(B)/compile.flags | $(B)/version.h
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(call cflags_of,$<) -MMD -MP -c -o $@ $<

# ---- programs ----

define program_rules
$(B)/$(1): $(call objs,$(FOLDER_$(1))) $(foreach m,$(LAYER_$(FOLDER_$(1))),$(call lib,$(m))) $(B)/link.flags
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $(if $(filter $(1),$(STATIC_PROGRAMS)),$(LINK_STATIC),$(LINK_DYNAMIC)) $$(LDFLAGS_ALL) -o $$@ \
		$$(filter %.o,$$^) -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group $$(LIBS_$(1))
endef
$(foreach p,$(BUILT_PROGRAMS),$(eval $(call program_rules,$(p))))

# ---- unit tests and fuzz targets ----

# Each links with the folders it includes and the layers below them only, so that a
# folder under construction does not break the tests of the others.
includes_of = $(shell sed -n 's,^\#include "\([a-z]*\)/.*,\1,p' $(1))
test_libs = $(foreach m,$(call uniq,$(foreach i,$(call includes_of,$(1)),$(filter $(i),$(MODULES)) $(LAYER_$(i)))),$(call lib,$(m)))

CHECK_CFLAGS := $(shell pkg-config --cflags check 2>/dev/null)
CHECK_LIBS := $(shell pkg-config --libs check 2>/dev/null || echo -lcheck)

define test_rules
$(B)/tests/unit/$(1): $(B)/tests/unit/$(1).o $(call test_libs,tests/unit/$(1).c) $(B)/link.flags
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $$(LINK_DYNAMIC) $$(LDFLAGS_ALL) -o $$@ $$(filter %.o,$$^) \
		-Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group $$(TEST_LIBS) $$(CHECK_LIBS)
endef
$(foreach t,$(TESTS),$(eval $(call test_rules,$(t))))

define fuzz_rules
$(B)/tests/fuzz/$(1): $(B)/tests/fuzz/$(1).o $(call test_libs,tests/fuzz/$(1).c) $(B)/link.flags
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $$(LINK_DYNAMIC) $$(LDFLAGS_ALL) -fsanitize=fuzzer -o $$@ $$(filter %.o,$$^) \
		-Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group $$(TEST_LIBS)
endef
$(foreach t,$(FUZZERS),$(eval $(call fuzz_rules,$(t))))

# T="test_json test_str" restricts the run.
RUN_TESTS := $(or $(filter $(T),$(TESTS)),$(if $(T),$(error no such test: $(T)),$(TESTS)))

unit-tests: $(RUN_TESTS:%=$(B)/tests/unit/%)

check: unit-tests ## build and run the unit tests (T="test_json ..." for some)
	$(Q)tests/tools/run-unit.sh $(RUN_TESTS:%=$(B)/tests/unit/%)

asan: ## unit tests under AddressSanitizer, UBSan and LeakSanitizer
	$(Q)ASAN_OPTIONS=detect_leaks=1:$$ASAN_OPTIONS UBSAN_OPTIONS=print_stacktrace=1 $(MAKE) --no-print-directory VARIANT=asan check

cov: ## unit tests with line coverage by file
	$(Q)find $(BUILD)/cov -name '*.gcda' -delete 2>/dev/null; \
	$(MAKE) --no-print-directory VARIANT=cov check; status=$$?; \
	tests/tools/coverage.sh $(BUILD)/cov; exit $$status

FUZZ_SECONDS ?= 10
FUZZ ?= $(FUZZERS)
fuzz: ## run each fuzz target for FUZZ_SECONDS=10 (FUZZ="fuzz_json ..." for some)
	$(Q)$(MAKE) --no-print-directory VARIANT=fuzz fuzzers
	$(Q)FUZZ_SECONDS=$(FUZZ_SECONDS) tests/tools/run-fuzz.sh $(BUILD)/fuzz $(FUZZ)

fuzzers: $(FUZZ:%=$(B)/tests/fuzz/%)

# ---- checking the source ----

# find, not a wildcard: what exists now in any depth, whether committed or not.
C_FILES = $(shell find $(MODULES) tests contrib/examples -name '*.[ch]' 2>/dev/null | sort)
SH_FILES = $(shell find . -path './build*' -prune -o -path ./.git -prune -o -type f \( -name '*.sh' -o -name '*.bats' -o -name '*.bash' \) -print | sort)

lint: lint-format lint-layers lint-shell lint-cppcheck lint-tidy ## all source checks

lint-format:
	$(call say,LINT,clang-format)
	$(Q)clang-format --dry-run -Werror $(C_FILES)

lint-layers:
	$(call say,LINT,layers)
	$(Q)tests/lint/layers.sh $(foreach m,$(MODULES),'$(m): $(or $(INCLUDES_$(m)),$(LAYER_$(m)))')

# Variables that bats sets or reads or that live in its subshells; functions called from other files.
lint-shell:
	$(call say,LINT,shellcheck)
	$(Q)shellcheck -x -S warning $(filter %.sh,$(SH_FILES))
	$(Q)if [ -n '$(filter-out %.sh,$(SH_FILES))' ]; then \
		shellcheck -x -S warning -e SC2154,SC2034,SC2030,SC2031,SC2120 $(filter-out %.sh,$(SH_FILES)); fi

lint-cppcheck: | $(B)/version.h
	$(call say,LINT,cppcheck)
	$(Q)mkdir -p $(BUILD)/lint/cppcheck && cppcheck --quiet --std=c11 --enable=warning,performance,portability \
		--inline-suppr --suppressions-list=tests/lint/cppcheck.txt --library=posix --include=tests/lint/cppcheck.h \
		--error-exitcode=1 --cppcheck-build-dir=$(BUILD)/lint/cppcheck -j2 -D_GNU_SOURCE -D__linux__ -D__$(ARCH)__ -I. -I$(B) \
		$(ALL_SRC) $(TEST_SRC)

# A file is checked again when it, a header or the configuration changed.
TIDY := $(patsubst %.c,$(BUILD)/lint/%.tidy,$(ALL_SRC) $(TEST_SRC) $(FUZZ_SRC))
lint-tidy: $(TIDY)
$(BUILD)/lint/%.tidy: %.c .clang-tidy $(filter %.h,$(wildcard $(MODULES:=/*.h) tests/unit/*.h)) | $(B)/version.h
	$(call say,TIDY,$<)
	$(Q)mkdir -p $(@D) && clang-tidy --quiet --warnings-as-errors='*' $< -- -std=gnu11 -DMOAT_ANALYZE $(CPPFLAGS_ALL) $(CHECK_CFLAGS) \
		>$@.log 2>&1 || { cat $@.log; exit 1; }
	$(Q)touch $@

analyze: ## gcc -fanalyzer over all folders
	$(Q)$(MAKE) --no-print-directory -k VARIANT=analyze WERROR=1 libs

format: ## reformat with clang-format
	clang-format -i $(C_FILES)

comma := ,
compile_commands.json: FORCE ## for clangd and other tools
	$(Q){ echo '['; sep=; for f in $(ALL_SRC) $(TEST_SRC) $(FUZZ_SRC); do \
		printf '%s{"directory":"%s","file":"%s","command":"%s -c %s"}' "$$sep" '$(CURDIR)' "$$f" \
			'$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL)' "$$f"; sep=',\n'; sep=$$(printf ',\n_'); sep=$${sep%_}; \
		done; printf '\n]\n'; } >$@.new && { cmp -s $@.new $@ && rm $@.new || mv $@.new $@; }

clean: ## remove everything built
	rm -rf $(BUILD) compile_commands.json

help: ## this list
	@echo 'Variables: VARIANT=release|debug|asan|cov|fuzz  BUILD=dir  V=1 (show commands)  WERROR=1'
	@echo 'Folders:   $(MODULES) (make FOLDER builds its library)'
	@sed -n 's/^\([a-z_.-]*\):[^#]*## \(.*\)/  \1\t\2/p' $(filter-out %.d,$(MAKEFILE_LIST)) | sort -u | expand -t 26

.PHONY: all libs programs unit-tests check asan cov fuzz fuzzers lint lint-format lint-layers lint-shell \
	lint-cppcheck lint-tidy analyze format clean help FORCE

# ---- parts kept elsewhere ----

include libruntime/library.mk
-include guest/module.mk
-include man/module.mk
-include install.mk
-include quickstart.mk
-include tests/module.mk

-include $(patsubst %.c,$(B)/%.d,$(ALL_SRC) $(TEST_SRC) $(FUZZ_SRC))

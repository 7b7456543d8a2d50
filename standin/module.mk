# SPDX-License-Identifier: Apache-2.0
standin_SRC := $(sort $(wildcard standin/*.c))

# What a sanitizer or gcov does at run time and at exit would be forbidden.
ifneq ($(filter asan cov fuzz,$(VARIANT)),)
CFLAGS_standin := -DSTANDIN_INSTRUMENTED
CFLAGS_tests += -DSTANDIN_INSTRUMENTED
endif

# These run the program itself.
$(addprefix $(B)/tests/unit/,$(filter test_standin%,$(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_standin*.c)))): | $(B)/moat-standin

# SPDX-License-Identifier: Apache-2.0
cmd_SRC := $(sort $(wildcard cmd/*.c))

# SPDX-License-Identifier: Apache-2.0
config_SRC := $(sort $(wildcard config/*.c))

# SPDX-License-Identifier: Apache-2.0
devices_SRC := $(sort $(wildcard devices/*.c))

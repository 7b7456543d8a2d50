# SPDX-License-Identifier: Apache-2.0
monitor_SRC := $(sort $(wildcard monitor/*.c))

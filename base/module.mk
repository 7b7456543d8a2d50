# SPDX-License-Identifier: Apache-2.0
base_SRC := $(sort $(wildcard base/*.c))

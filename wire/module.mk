# SPDX-License-Identifier: Apache-2.0
wire_SRC := $(sort $(wildcard wire/*.c))

# SPDX-License-Identifier: Apache-2.0
libruntime_SRC := $(sort $(wildcard libruntime/*.c))

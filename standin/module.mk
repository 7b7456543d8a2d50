# SPDX-License-Identifier: Apache-2.0
standin_SRC := $(sort $(wildcard standin/*.c))

# SPDX-License-Identifier: Apache-2.0
hypervisor_SRC := $(sort $(wildcard hypervisor/*.c))

# SPDX-License-Identifier: Apache-2.0
oci_SRC := $(sort $(wildcard oci/*.c))

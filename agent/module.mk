# SPDX-License-Identifier: Apache-2.0
agent_SRC := $(sort $(wildcard agent/*.c))

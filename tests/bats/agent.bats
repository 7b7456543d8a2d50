#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# bats file_tags=moat
#
# The agent by itself, as a process of this machine: what a host that breaks its own rules, a hostile root file system
# and many processes do to it.

load helpers

setup()
{
	begin
}

teardown()
{
	finish
}

@test "agent: alone with a driver that plays the monitor" {
	try "$TOOLS/agent_drive" "${BIN%/*}/moat-agent"
	[ "$status" = 0 ]
	has "$output" "ok hostile" " checks, 0 failed"
	lacks "$output" skip
}

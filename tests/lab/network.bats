#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Interfaces that the kernel at hand may lack.
# bats file_tags=moat

load ../bats/helpers
load ../bats/netns

setup()
{
	begin_netns
}

teardown()
{
	finish_netns
}

# It has its parent's MAC address, and tells packets by their IP addresses.
@test "network: an ipvlan interface, as that plugin of CNI makes it" {
	parent
	child ipvlan mode l2
	reaches_parent
}

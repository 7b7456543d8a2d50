# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# A network namespace $NS as a caller prepares it, which is the container's. "load helpers" comes first.

# Sets NS.
make_netns()
{
	NS=moat-test-$$-$BATS_TEST_NUMBER
	ip netns add "$NS"
	ip -n "$NS" link set lo up
	edit '(.linux.namespaces[] | select(.type == "network")).path = $ARGS.positional[0] |
		.process.capabilities |= map_values(. + ["CAP_NET_RAW", "CAP_NET_ADMIN"])' --args "/run/netns/$NS"
}

# finish(), and the namespace goes
finish_netns()
{
	local bad=0
	finish || bad=1
	ip netns del "$NS" 2>/dev/null || true
	return $bad
}

# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# A network namespace $NS as a caller prepares it, which is the container's, with interfaces whose other ends begin with
# $HOST. "load helpers" comes first.

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
	[ -z "${NS:-}" ] || ip netns del "$NS" 2>/dev/null || true
	return $bad
}

# veth N: eth(N-1) in the namespace, 10.99.N.2/24 and fd99:N::2/64, the host's end has .1
veth()
{
	local n=$1
	ip link add "$HOST-$n" type veth peer name "eth$((n - 1))" netns "$NS"
	ip addr add "10.99.$n.1/24" dev "$HOST-$n"
	ip -6 addr add "fd99:$n::1/64" dev "$HOST-$n" nodad
	ip link set "$HOST-$n" up
	ip -n "$NS" addr add "10.99.$n.2/24" dev "eth$((n - 1))"
	ip -n "$NS" -6 addr add "fd99:$n::2/64" dev "eth$((n - 1))" nodad
	ip -n "$NS" link set "eth$((n - 1))" up
}

# network_state: what must be as before
network_state()
{
	ip -n "$NS" -o link | sed 's/ qlen.*//'
	ip -n "$NS" -o addr | sed 's| tentative||'
	ip -n "$NS" route
	ip netns exec "$NS" tc qdisc
}

# watchers: pids of the processes that watch the network namespace of $CT
watchers()
{
	pgrep -f "^moat-watch .* network $CT\$" || true
}

# guest COMMAND...: what that says in the container
guest()
{
	cli exec "$CT" "$@" 3>&- </dev/null
}

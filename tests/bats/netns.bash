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

# begin(), with a bundle and the namespace
begin_netns()
{
	begin
	make_bundle
	HOST=mt$BATS_TEST_NUMBER
	make_netns
}

# finish(), and the namespace goes
finish_netns()
{
	local bad=0
	finish || bad=1
	[ -z "${NS:-}" ] || ip netns del "$NS" 2>/dev/null || true
	ip link del "$HOST-p" 2>/dev/null || true
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

# parent: a pair $HOST-p and $HOST-q, the one for interfaces of the namespace to sit on, the other with 10.99.1.1/24
parent()
{
	ip link add "$HOST-p" type veth peer name "$HOST-q"
	ip addr add 10.99.1.1/24 dev "$HOST-q"
	ip link set "$HOST-p" up
	ip link set "$HOST-q" up
}

# child TYPE [OPTION...]: eth0 in the namespace, on that, with 10.99.1.2/24
child()
{
	ip link add link "$HOST-p" name "$HOST-c" type "$@"
	ip link set "$HOST-c" netns "$NS" name eth0
	ip -n "$NS" addr add 10.99.1.2/24 dev eth0
	ip -n "$NS" link set eth0 up
}

# reaches_parent: a container has the address and MAC of eth0, packets go both ways, and then all is as before
reaches_parent()
{
	local before
	before=$(network_state)
	script 'cat /sys/class/net/eth0/address; ip -o -4 addr show eth0; ping -c 1 -W 10 10.99.1.1 >/dev/null && echo reached'
	ok run --bundle "$B" "$CT"
	has "$output" "$(ip -n "$NS" -j link show eth0 | jq -r '.[0].address')" "inet 10.99.1.2/24" reached
	is "$(network_state)" "$before"
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

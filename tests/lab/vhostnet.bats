#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Network interfaces that the host's kernel serves, by vhost-net, which needs KVM.
# bats file_tags=moat

load ../bats/helpers
load ../bats/netns

setup()
{
	begin_netns
	veth 1
	args sleep 1000
}

teardown()
{
	ip netns del "$NS-late" 2>/dev/null || true
	finish_netns
}

# descriptors: what the container's QEMU has open
descriptors()
{
	local qemu
	qemu=$(pgrep -P "$(jq .monitor.pid "$ROOT/$CT/state.json")" -f qemu-system)
	ls -l "/proc/$qemu/fd"
}

@test "vhost-net: it serves the interface, by tap and by macvtap, unless switched off" {
	local model
	ok check
	has "$output" "vhost-net        ok"
	for model in tcfilter macvtap; do
		settings '[runtime]' "internetworking_model = \"$model\""
		ok run --detach --bundle "$B" "$CT"
		has "$(descriptors)" /dev/vhost-net
		ok exec "$CT" ping -c 3 -W 30 10.99.1.1
		ok delete --force "$CT"
	done
	settings 'disable_vhost_net = true'
	ok run --detach --bundle "$B" "$CT"
	lacks "$(descriptors)" /dev/vhost-net
	ok exec "$CT" ping -c 1 -W 30 10.99.1.1
	ok delete --force "$CT"
}

@test "vhost-net: for an interface that is plugged in later, too" {
	ip netns add "$NS-late"
	edit '(.linux.namespaces[] | select(.type == "network")).path = $ARGS.positional[0]' --args "/run/netns/$NS-late"
	ok create --bundle "$B" "$CT"
	ip -n "$NS" link set eth0 netns "$NS-late"
	ip -n "$NS-late" addr add 10.99.1.2/24 dev eth0
	ip -n "$NS-late" link set eth0 up
	ok start "$CT"
	has "$(descriptors)" /dev/vhost-net
	ok exec "$CT" ping -c 3 -W 30 10.99.1.1
	ok delete --force "$CT"
	ip netns del "$NS-late"
}

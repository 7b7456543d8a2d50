#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# internetworking_model = "macvtap": a macvtap on the caller's interface.
# bats file_tags=moat

load helpers
load netns

setup()
{
	begin_netns
	{
		cat "$CONFIG"
		printf '[runtime]\ninternetworking_model = "macvtap"\n'
	} >"$T/configuration.toml"
	OPTIONS=(--config "$T/configuration.toml")
}

teardown()
{
	finish_netns
}

# The one interface of these tests, with an MTU and a route of its own
interface()
{
	veth 1
	ip -n "$NS" link set eth0 mtu 1400
	ip -n "$NS" route add default via 10.99.1.1
}

@test "macvtap: MAC, MTU, addresses and routes are the caller's, packets go both ways, nothing is left" {
	interface
	local before mac
	before=$(network_state)
	mac=$(ip -n "$NS" -j link show eth0 | jq -r '.[0].address')
	script 'cat /sys/class/net/eth0/address /sys/class/net/eth0/mtu; ip route; ip addr show eth0
		ping -c 2 -W 5 10.99.1.1 >/dev/null && echo v4; ping -c 2 -W 5 fd99:1::1 >/dev/null && echo v6
		echo hello | nc -l -p 99'
	background cli run --bundle "$B" "$CT" >"$T/out" 2>"$T/err"
	within 60 grep -q '^v6' "$T/out"
	has "$(ip -n "$NS" -d link)" "macvtap mode passthru" "moat-mvt"
	lacks "$(ip netns exec "$NS" tc qdisc)" ingress
	within 20 eval 'echo hi | timeout 5 busybox nc 10.99.1.2 99 >"$T/answer" && [ -s "$T/answer" ]'
	reaped "$PID"
	cat "$T/out" "$T/err"
	is "$status $(cat "$T/answer")" "0 hello"
	has "$(cat "$T/out")" "$mac" 1400 "default via 10.99.1.1 dev eth0" "inet 10.99.1.2/24" "inet6 fd99:1::2/64" v4
	is "$(network_state)" "$before"
}

@test "macvtap: nothing is left after kill, delete --force and failures, and the namespace may go first" {
	interface
	local before
	before=$(network_state)
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	kill -KILL "$(jq .monitor.pid "$ROOT/$CT/state.json")"
	has "$(network_state)" moat-mvt
	ok delete --force "$CT"
	is "$(network_state)" "$before"

	args /no/such/program
	ko 1 run --bundle "$B" "$CT"
	is "$(network_state)" "$before"

	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	ip netns del "$NS"
	ok exec "$CT" true
	ok delete --force "$CT"
}

@test "macvtap: an interface that somebody else sits on is an error, and stays as it is" {
	interface
	ip -n "$NS" link add link eth0 name mine type macvlan mode bridge
	local before
	before=$(network_state)
	ko 1 run --bundle "$B" "$CT"
	has "$stderr" "network interface eth0 cannot have a macvtap: another one, or a bridge, uses it"
	is "$(network_state)" "$before"
	ko 1 state "$CT"
}

@test "macvtap: an interface that a hook brings" {
	edit 'del((.linux.namespaces[] | select(.type == "network")).path)'
	cat >"$T/fill" <<-EOF
		#!/bin/sh
		pid=\$(sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')
		ip link add $HOST-9 type veth peer name eth0 netns \$pid || exit 1
		ip addr add 10.98.9.1/24 dev $HOST-9 && ip link set $HOST-9 up
		nsenter -n -t \$pid ip addr add 10.98.9.2/24 dev eth0
		nsenter -n -t \$pid ip link set eth0 up
	EOF
	chmod 755 "$T/fill"
	edit '.hooks.prestart = [{path: $ARGS.positional[0], env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]}]' --args "$T/fill"
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	has "$(nsenter -n -t "$(pid_of)" ip -d link)" "macvtap mode passthru"
	ok exec "$CT" ping -c 1 -W 5 10.98.9.1
}

@test "macvtap: interfaces that come and go while the container runs" {
	interface
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	veth 2
	within 30 eval 'has "$(guest ip addr)" 10.99.2.2/24'
	ok exec "$CT" ping -c 1 -W 5 10.99.2.1
	ip link del "$HOST-1"
	within 30 eval 'is "$(guest ls /sys/class/net | tr "\n" " ")" "eth1 lo "'
	is "$(ip -n "$NS" link | grep -c moat-mvt)" 1
	# One that stays under another name is another one to the guest, and keeps no macvtap.
	ip -n "$NS" link set eth1 down
	ip -n "$NS" link set eth1 name net1
	ip -n "$NS" link set net1 up
	within 30 eval 'is "$(guest ls /sys/class/net | tr "\n" " ")" "lo net1 "'
	ok exec "$CT" ping -c 1 -W 5 10.99.2.1
	ok delete --force "$CT"
	lacks "$(network_state)" moat-mvt
}

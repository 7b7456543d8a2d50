#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The network that a caller has prepared: a namespace with veth pairs, as CNI plugins leave it.
# bats file_tags=moat

load helpers
load netns

setup()
{
	begin_netns
}

teardown()
{
	finish_netns
}

@test "network: MAC, MTU, addresses and routes are the caller's, and packets go both ways" {
	veth 1
	ip -n "$NS" link set eth0 mtu 1400
	ip -n "$NS" route add default via 10.99.1.1
	ip -n "$NS" -6 route add default via fd99:1::1
	ip -n "$NS" route add 10.77.0.0/16 via 10.99.1.1 metric 50
	local before mac
	before=$(network_state)
	mac=$(ip -n "$NS" -j link show eth0 | jq -r '.[0].address')
	script 'cat /sys/class/net/eth0/address /sys/class/net/eth0/mtu; ip route; ip -6 route; ip addr show eth0
		ping -c 2 -W 5 10.99.1.1 >/dev/null && echo v4; ping -c 2 -W 5 fd99:1::1 >/dev/null && echo v6
		echo hello | nc -l -p 99'
	background cli run --bundle "$B" "$CT" >"$T/out" 2>"$T/err"
	within 60 grep -q '^v6' "$T/out"
	within 20 eval 'echo hi | timeout 5 busybox nc 10.99.1.2 99 >"$T/answer" && [ -s "$T/answer" ]'
	reaped "$PID"
	cat "$T/out" "$T/err"
	is "$status $(cat "$T/answer")" "0 hello"
	has "$(cat "$T/out")" "$mac" 1400 "default via 10.99.1.1 dev eth0" "10.77.0.0/16 via 10.99.1.1 dev eth0  metric 50" \
		"default via fd99:1::1" "inet 10.99.1.2/24" "inet6 fd99:1::2/64" v4
	is "$(network_state)" "$before"
}

@test "network: a name server on the namespace's loopback: what that takes there is given back" {
	veth 1
	local before ports
	before=$(network_state)
	ports=$(ip netns exec "$NS" cat /proc/sys/net/ipv4/ip_local_port_range)
	background ip netns exec "$NS" busybox nc -ll -p 53 -e cat
	within 20 ip netns exec "$NS" bash -c "</dev/tcp/127.0.0.53/53"
	mkdir -p "$B/rootfs/etc"
	rm -f "$B/rootfs/etc/resolv.conf"
	echo nameserver 127.0.0.53 >"$B/rootfs/etc/resolv.conf"
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	is "$(ip netns exec "$NS" cat /proc/sys/net/ipv4/ip_local_port_range)" $'63488\t65535'
	has "$(ip netns exec "$NS" tc filter show dev eth0 ingress)" "protocol arp" "protocol ip pref"
	ok delete --force "$CT"
	rm "$B/rootfs/etc/resolv.conf"
	is "$(network_state)" "$before"
	is "$(ip netns exec "$NS" cat /proc/sys/net/ipv4/ip_local_port_range)" "$ports"
}

@test "network: two interfaces" {
	veth 1
	veth 2
	script 'ping -c 1 -W 5 10.99.2.1 >/dev/null && ping -c 1 -W 5 10.99.1.1 >/dev/null && ls /sys/class/net | tr "\n" " "'
	ok run --bundle "$B" "$CT"
	is "$output" "eth0 eth1 lo "
}

@test "network: a macvlan interface, and a tap, as plugins of CNI make them" {
	parent
	child macvlan mode bridge
	reaches_parent
	# A tap has its other end in a program.
	ip -n "$NS" link del eth0
	ip -n "$NS" tuntap add dev eth0 mode tap
	ip -n "$NS" link set eth0 mtu 1300 up
	ip -n "$NS" addr add 10.99.1.2/24 dev eth0
	local before
	before=$(network_state)
	script 'cat /sys/class/net/eth0/address /sys/class/net/eth0/mtu; ip -o -4 addr show eth0'
	ok run --bundle "$B" "$CT"
	has "$output" "$(ip -n "$NS" -j link show eth0 | jq -r '.[0].address')"$'\n1300' "inet 10.99.1.2/24"
	is "$(network_state)" "$before"
}

@test "network: one without a name by the kernel's pattern, and a neighbour" {
	veth 1
	ip -n "$NS" link set eth0 down
	ip -n "$NS" link set eth0 name net1.pod
	ip -n "$NS" link set net1.pod up
	ip -n "$NS" neigh add 10.99.1.77 lladdr 02:00:00:00:00:77 dev net1.pod nud permanent
	script 'ls /sys/class/net | tr "\n" " "; cat /proc/net/arp'
	ok run --bundle "$B" "$CT"
	has "$output" "lo net1.pod" "10.99.1.77" "02:00:00:00:00:77"
}

@test "network: nothing is left after kill, delete --force and failures" {
	veth 1
	local before
	before=$(network_state)
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	has "$(network_state)" "qdisc ingress" moat-tap
	ok delete --force "$CT"
	is "$(network_state)" "$before"

	ok run --detach --bundle "$B" "$CT"
	kill -KILL "$(jq .monitor.pid "$ROOT/$CT/state.json")"
	ok delete --force "$CT"
	is "$(network_state)" "$before"

	args /no/such/program
	ko 1 run --bundle "$B" "$CT"
	is "$(network_state)" "$before"
}

@test "network: the namespace goes before the container" {
	veth 1
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	ip netns del "$NS"
	ok exec "$CT" true
	ok delete --force "$CT"
}

@test "network: an empty namespace, and none that a VM can have" {
	script 'ls /sys/class/net'
	ok run --bundle "$B" "$CT"
	is "$output" lo
	edit '(.linux.namespaces[] | select(.type == "network")).path = "/proc/self/ns/net"'
	refused "'/proc/self/ns/net' is the network namespace of the host"
	edit '(.linux.namespaces[] | select(.type == "network")).path = "/run/netns/no-such"'
	refused "/run/netns/no-such"
	[ ! -e "$ROOT/$CT" ]
}

# path_of_netns PATH: in config.json
path_of_netns()
{
	edit '(.linux.namespaces[] | select(.type == "network")).path = $ARGS.positional[0]' --args -- "$1"
}

@test "network: what is no network, or none that can be had, is said, and the namespace is as it was" {
	local path before
	for path in /etc/passwd "$T"; do
		path_of_netns "$path"
		refused "'$path' is not a network namespace"
	done
	path_of_netns /proc/self/ns/uts
	refused "network namespace '/proc/self/ns/uts'"
	path_of_netns "/run/netns/$NS"

	# A tunnel that is down is the kernel's own.
	ip -n "$NS" tuntap add dev tun0 mode tun
	args true
	ok run --bundle "$B" "$CT"
	ip -n "$NS" link set tun0 up
	ip -n "$NS" addr add 10.99.9.2/24 dev tun0
	before=$(network_state)
	refused "network namespace '/run/netns/$NS': interface 'tun0' is of a kind (tun) that a virtual machine cannot have: it is no Ethernet"
	is "$(network_state)" "$before"
	ip -n "$NS" link del tun0

	veth 1
	before=$(network_state)
	try unshare --mount sh -c 'mount -t tmpfs tmpfs /dev/net; exec "$@"' sh "$BIN" "${OPTIONS[@]}" --root "$ROOT" run --bundle "$B" "$CT"
	is "$status" 1
	has "$stderr" "network namespace '/run/netns/$NS': open /dev/net/tun: no such file or directory"
	is "$(network_state)" "$before"
	# A name like ours is somebody else's.
	ip -n "$NS" tuntap add dev moat-tap0 mode tap
	before=$(network_state)
	ok run --bundle "$B" "$CT"
	is "$(network_state)" "$before"
	ip -n "$NS" link del moat-tap0

	printf 'addr add 10.98.%s/32 dev eth0\n' {1..17}.{1..250} >"$T/batch"
	ip -n "$NS" -batch "$T/batch"
	refused "network namespace '/run/netns/$NS': the network namespace has more than 4096 entries of a kind"
}

@test "network: internetworking_model none" {
	veth 1
	local before
	before=$(network_state)
	settings '[runtime]' 'internetworking_model = "none"'
	script 'ls /sys/class/net'
	ok run --bundle "$B" "$CT"
	is "$output" lo
	is "$(network_state)" "$before"
}

# own_network: config.json asks for a network namespace of the container's own
own_network()
{
	edit 'del((.linux.namespaces[] | select(.type == "network")).path)'
}

# fill PID: what docker's prestart hook does
fill()
{
	cat >"$T/fill" <<-EOF
		#!/bin/sh
		pid=\$(sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')
		ip link add $HOST-9 type veth peer name eth0 netns \$pid || exit 1
		ip addr add 10.99.9.1/24 dev $HOST-9 && ip link set $HOST-9 up
		nsenter -n -t \$pid ip addr add 10.99.9.2/24 dev eth0
		nsenter -n -t \$pid ip link set eth0 up
		nsenter -n -t \$pid ip route add default via 10.99.9.1
	EOF
	chmod 755 "$T/fill"
}

@test "network: a prestart hook brings it" {
	own_network
	fill
	edit '.hooks.prestart = [{path: $ARGS.positional[0], env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]}]' --args "$T/fill"
	script 'ip route; ip -o link | grep -c .; ping -c 1 -W 5 10.99.9.1 >/dev/null && echo answered'
	ok run --bundle "$B" "$CT"
	is "$output" $'default via 10.99.9.1 dev eth0 \n10.99.9.0/24 dev eth0 scope link  src 10.99.9.2 \n2\nanswered'
}

@test "network: it comes between create and start" {
	own_network
	fill
	script 'ip route; ping -c 1 -W 5 10.99.9.1 >/dev/null && echo answered'
	cli create --bundle "$B" "$CT" >"$T/out" 2>"$T/err" </dev/null
	ok state "$CT"
	"$T/fill" <"$T/stdout"
	ok start "$CT"
	within 30 grep -q answered "$T/out"
	has "$(cat "$T/out")" "default via 10.99.9.1 dev eth0"
	ok delete --force "$CT"
	within 10 [ ! -e "/sys/class/net/$HOST-9" ]
}

@test "network: more interfaces than ports, between create and start" {
	own_network
	args sleep 100
	ok create --bundle "$B" "$CT"
	local pid n
	pid=$(pid_of)
	for n in 1 2 3 4 5; do
		ip link add "$HOST-$n" type veth peer name "eth$n" netns "$pid"
		nsenter -n -t "$pid" ip addr add "10.99.$n.2/24" dev "eth$n"
	done
	ko 1 start "$CT"
	has "$stderr" "pcie_root_port"
	not eval "nsenter -n -t $pid tc qdisc | grep ingress"
	for n in 3 4 5; do
		ip link del "$HOST-$n"
	done
	ok start "$CT"
	within 10 eval 'is "$(cli exec "$CT" ls /sys/class/net | tr "\n" " ")" "eth1 eth2 lo "'
}

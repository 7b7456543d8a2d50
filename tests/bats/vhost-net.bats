#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Networks behind a vhost-user switch: DPDK's testpmd, which answers ARP and ping.
# bats file_tags=moat

load helpers
load netns

setup()
{
	begin
	make_bundle
	NETS=$T/nets
	SOCKET=$NETS/vhostuser_10.96.0.2/vhu.sock
	chmod 755 "$T"
	mkdir -m 755 "$NETS" "${SOCKET%/*}"
	# An interface that leads nowhere: mostly a dummy, for which not every kernel has the driver.
	make_netns
	ip -n "$NS" link add eth0 type veth peer name end
	ip -n "$NS" link set eth0 address 02:00:00:12:34:56
	ip -n "$NS" link set eth0 mtu 1400
	ip -n "$NS" addr add 10.96.0.2/24 dev eth0
	ip -n "$NS" link set eth0 up
	ip -n "$NS" link set end up
	ip -n "$NS" route add default via 10.96.0.1
}

teardown()
{
	finish_netns
}

# configure [LINE...]: the suite's VM, and more in [hypervisor.qemu]
configure()
{
	settings "vhost_user_net_path = \"$NETS\"" "$@"
	sed -i 's/^enable_template = .*/enable_template = true/' "$T/configuration.toml"
}

# switch: testpmd listens; sets SWITCH. It would lock all memory that a guest could ever have.
switch()
{
	requires dpdk-testpmd
	rm -f "$SOCKET"
	background dpdk-testpmd --no-huge -m 128 --no-pci --no-telemetry --file-prefix="$NS-$((++SWITCHES))" --lcores '0@0,1@0' \
		--vdev="net_vhost0,iface=$SOCKET" -- --no-mlockall --forward-mode=icmpecho --total-num-mbufs=2048 --stats-period=3600 \
		>"$T/switch.log" 2>&1
	SWITCH=$PID
	within 30 test -S "$SOCKET"
}

gone()
{
	kill -KILL "$SWITCH"
	wait "$SWITCH" || true
}

@test "vhost-net: MAC, MTU, addresses and routes of the interface, packets through the switch" {
	switch
	configure
	ok run --dry-run --bundle "$B" "$CT"
	is "$(jq -c '.network' "$T/stdout")" \
		"[{\"name\":\"eth0\",\"kind\":\"vhost-user-net\",\"mac\":\"02:00:00:12:34:56\",\"addresses\":[\"10.96.0.2/24\"],\"source\":\"$SOCKET\"}]"
	script 'cat /sys/class/net/eth0/address /sys/class/net/eth0/mtu; ip route | sed -n "1s, *$,,p"; ping -c 3 -W 20 10.96.0.1; ping -s 1300 -c 1 -W 20 10.1.2.3'
	local before
	before=$(ip -n "$NS" -o link; ip netns exec "$NS" tc qdisc)
	ok run --bundle "$B" "$CT"
	is "$(head -n 3 <<<"$output")" $'02:00:00:12:34:56\n1400\ndefault via 10.96.0.1 dev eth0'
	has "$output" "3 packets received" "1 packets received" "1308 bytes from 10.1.2.3"
	# There is no tap, and nothing is redirected.
	is "$(ip -n "$NS" -o link; ip netns exec "$NS" tc qdisc)" "$before"
	# Without the key it is an interface as any other.
	settings
	ok run --dry-run --bundle "$B" "$CT"
	is "$(jq -c '.network | map(.kind)' "$T/stdout")" '["net"]'
}

@test "vhost-net: a switch that comes back, and one that does not" {
	switch
	configure 'vhost_user_reconnect_timeout_sec = 1'
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	ok exec "$CT" ping -c 1 -W 20 10.96.0.1
	local log=$ROOT/$CT/monitor.log
	gone
	within 30 grep -q "vhost-user target '$SOCKET' is gone" "$log"
	ko 1 exec "$CT" ping -c 1 -W 1 10.96.0.1
	switch
	within 30 grep -q "vhost-user target '$SOCKET' is there again" "$log"
	within 60 cli exec "$CT" ping -c 1 -W 5 10.96.0.1
	ok delete --force "$CT"

	configure
	ok run --detach --bundle "$B" "$CT"
	gone
	within 30 grep -q "vhost-user target '$SOCKET' is gone: the guest waits for it for ever" "$log"
	ok exec "$CT" true
	ok delete --force "$CT"
}

@test "vhost-net: sockets that are not to be trusted, or not there" {
	configure
	refused "network interface eth0: socket '$SOCKET' (does its switch run?)"
	touch "$SOCKET"
	refused "'$SOCKET' is not a socket"
	rm "$SOCKET"
	# nobody listens
	python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$SOCKET"
	refused "network interface eth0: vhost-user switch: connect to '$SOCKET'"
	chmod 777 "${SOCKET%/*}"
	refused "'${SOCKET%/*}': others can write to it (mode 777)"
	chmod 755 "${SOCKET%/*}"
	chown 7 "${SOCKET%/*}"
	refused "'${SOCKET%/*}': belongs to uid 7, not to root"
	chown 0 "${SOCKET%/*}"
	chmod 777 "$NETS"
	refused "'$NETS': others can write to it"
	rm -rf "${SOCKET%/*}"
	ln -s /tmp "${SOCKET%/*}"
	refused "'${SOCKET%/*}' is not a directory"
	[ ! -e "$ROOT/$CT" ]
}

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Interfaces that come, change and go while the container runs: nobody is told, the watcher notices.
# bats file_tags=moat

load helpers
load netns

setup()
{
	begin_netns
	args sleep 1000
}

teardown()
{
	finish_netns
}

# guest_has PART...: what ip says in the guest
guest_has()
{
	has "$(guest sh -c 'ip -o link; ip -o addr; ip route')" "$@"
}

# guest_links LIST: the guest's interfaces
guest_links()
{
	is "$(guest ls /sys/class/net | tr '\n' ' ')" "$1"
}

# host_links LIST: those of the namespace; QEMU lets go of a tap a moment later
host_links()
{
	is "$(ip -n "$NS" -o link | sed 's/^[0-9]*: \([^:@]*\).*/\1/' | sort | tr '\n' ' ')" "$1"
}

# mac NAME
mac()
{
	ip -n "$NS" -j link show "$1" | jq -r '.[0].address'
}

@test "network watch: interfaces, addresses, routes and MTU that come, change and go" {
	veth 1
	ok run --detach --bundle "$B" "$CT"
	is "$(watchers | wc -l)" 1

	# One that comes, and the default route with it.
	veth 2
	ip -n "$NS" route add default via 10.99.2.1
	within 30 guest_has "10.99.2.2/24" "default via 10.99.2.1 dev eth1" "fd99:2::2/64"
	ok exec "$CT" ping -c 1 -W 5 10.99.2.1

	# What changes on interfaces that are there; what the container has made itself stays.
	ok exec "$CT" ip addr add 10.99.1.200/24 dev eth0
	ip -n "$NS" route replace default via 10.99.1.1
	ip -n "$NS" route add 10.77.0.0/16 via 10.99.2.1
	ip -n "$NS" link set eth1 mtu 1300
	ip -n "$NS" addr add 10.99.2.9/24 dev eth1
	ip -n "$NS" neigh add 10.99.2.77 lladdr 02:00:00:00:00:77 dev eth1 nud permanent
	within 30 guest_has "default via 10.99.1.1 dev eth0" "10.77.0.0/16 via 10.99.2.1" "mtu 1300" "10.99.2.9/24" "10.99.1.200/24"
	has "$(guest cat /proc/net/arp)" "02:00:00:00:00:77"
	lacks "$(guest ip route)" "default via 10.99.2.1"
	ip -n "$NS" neigh del 10.99.2.77 lladdr 02:00:00:00:00:77 dev eth1
	ip -n "$NS" route del 10.77.0.0/16
	ip -n "$NS" addr del 10.99.2.9/24 dev eth1
	within 30 not guest_has "10.99.2.9"
	lacks "$(guest ip route)" 10.77.0.0
	lacks "$(guest cat /proc/net/arp)" "02:00:00:00:00:77"
	ok exec "$CT" ping -c 1 -W 5 10.99.2.1

	# One without an address is nobody's. A name that is given anew is another interface.
	ip link add "$HOST-3" type veth peer name idle netns "$NS"
	ip -n "$NS" link set eth1 down
	ip -n "$NS" link set eth1 name net1
	ip -n "$NS" link set net1 up
	within 30 guest_links "eth0 lo net1 "
	ip link del "$HOST-3"
	host_links "eth0 lo moat-tap0 moat-tap1 net1 "

	# Those that go: one that was plugged in, and one that was there from the start.
	ip link del "$HOST-2"
	within 30 guest_links "eth0 lo "
	within 10 host_links "eth0 lo moat-tap0 "
	ip link del "$HOST-1"
	within 30 guest_links "lo "
	within 10 host_links "lo "
	is "$(jq -c '[.interfaces, .given]' "$ROOT/$CT/state.json")" '[[],{"interfaces":[],"routes":[]}]'

	# Several at once, and one that flaps: the last one counts.
	veth 1
	veth 2
	within 30 guest_links "eth0 eth1 lo "
	for _ in 1 2 3 4 5; do
		ip link del "$HOST-2"
		veth 2
	done
	within 40 guest_has "$(mac eth1)" "10.99.2.2/24" "$(mac eth0)"
	within 10 host_links "eth0 eth1 lo moat-tap0 moat-tap1 "
	ok exec "$CT" ping -c 1 -W 5 10.99.2.1
	ok exec "$CT" ping -c 1 -W 5 10.99.1.1
	is "$(cat "$ROOT/$CT/network.log")" ""

	ok kill "$CT" KILL
	within 20 has_status stopped
	within 5 eval '[ -z "$(watchers)" ]'
	ok delete "$CT"
	lacks "$(network_state)" ingress
	lacks "$(network_state)" moat-tap
}

@test "network watch: it ends with the container, however that ends, and the container does not with it" {
	local way before
	veth 1
	before=$(network_state)
	for way in force monitor stopped watcher; do
		ok run --detach --bundle "$B" "$CT"
		within 5 eval '[ -n "$(watchers)" ]'
		# In the middle of something.
		veth 2
		case $way in
		monitor) kill -KILL "$(jq .monitor.pid "$ROOT/$CT/state.json")" ;;
		stopped) kill -STOP "$(watchers)" ;;
		watcher)
			kill -KILL "$(watchers)"
			ok exec "$CT" true
			ok network "$CT"
			guest_links "eth0 eth1 lo "
			;;
		esac
		ok delete --force "$CT"
		is "$(watchers)" ""
		ip link del "$HOST-2"
		is "$(network_state)" "$before"
	done
	ok create --bundle "$B" "$CT"
	is "$(watchers)" ""
	ok delete --force "$CT"
	edit '.process.args = ["true"]'
	ok run --bundle "$B" "$CT"
	is "$(watchers)" ""
}

@test "network watch: an interface that no card can stand for does not keep the others from being followed" {
	ok run --detach --bundle "$B" "$CT"
	ip -n "$NS" tuntap add dev tun0 mode tun
	ip -n "$NS" link set tun0 up
	ip -n "$NS" addr add 10.99.9.2/24 dev tun0
	veth 1
	within 40 guest_links "eth0 lo "
	ok delete --force "$CT"
}

@test "network watch: what fails is logged, and tried again when there is room" {
	local n
	ok run --detach --bundle "$B" "$CT"
	for n in 1 2 3 4 5; do
		ip link add "$HOST-$n" type veth peer name "eth$n" netns "$NS"
		ip -n "$NS" addr add "10.99.$n.2/24" dev "eth$n"
	done
	within 30 grep -q pcie_root_port "$ROOT/$CT/network.log"
	for n in 3 4 5; do
		ip link del "$HOST-$n"
	done
	within 40 guest_links "eth1 eth2 lo "
	ok delete --force "$CT"
}

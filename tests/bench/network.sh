# shellcheck shell=bash disable=SC2154,SC2034 # variables are set and used across the parts
# SPDX-License-Identifier: Apache-2.0
#
# Part of bench.sh: TCP with a guest, through a veth pair, a tap and the redirection between them, as moat makes it; and the same
# made by hand around a bare QEMU with the same kernel.

net_mb=${BENCH_NET_MB:-400} # less is done in half a second, and differs by a tenth from time to time
net_pings=2000
NET=10.96.0
# Names that belong to this run
netns=mb-${work##*.}
veth=${netns:0:12}-h

network_up()
{
	ip netns add "$netns"
	ip link add "$veth" type veth peer name eth0 netns "$netns"
	ip addr add "$NET.1/24" dev "$veth"
	ip link set "$veth" up
	ip -n "$netns" addr add "$NET.2/24" dev eth0
	ip -n "$netns" link set eth0 up
}

network_down()
{
	ip netns del "$netns" 2>/dev/null || :
	# The pair goes with the namespace, a moment later
	ip link del "$veth" 2>/dev/null || :
}

# A tap beside eth0, packets redirected both ways
tap_up()
{
	ip -n "$netns" tuntap add dev tap0 mode tap vnet_hdr
	ip -n "$netns" link set tap0 up
	tc -n "$netns" qdisc add dev eth0 ingress
	tc -n "$netns" qdisc add dev tap0 ingress
	tc -n "$netns" filter add dev eth0 parent ffff: protocol all u32 match u8 0 0 action mirred egress redirect dev tap0
	tc -n "$netns" filter add dev tap0 parent ffff: protocol all u32 match u8 0 0 action mirred egress redirect dev eth0
}

tap_down()
{
	tc -n "$netns" qdisc del dev eth0 ingress
	ip -n "$netns" link del tap0
}

# transfers SUBJECT: each once. The first wakes everything up.
transfers()
{
	local what

	"$tools/netbench" "$NET.2" up 20000000 >/dev/null || die "no network with $1"
	for what in "up $((net_mb * 1000000))" "down $((net_mb * 1000000))" "ping $net_pings"; do
		# shellcheck disable=SC2086 # two words
		printf '%s\t%s\n' "$1" "$("$tools/netbench" "$NET.2" $what)" >>"$work/net.${what%% *}" || die "no network with $1"
	done
}

network_moat()
{
	start moat net net
	transfers moat
	stop moat net
}

network_bare()
{
	local mac

	mac=$(ip -n "$netns" -j link show eth0 | jq -r '.[0].address')
	tap_up
	ip netns exec "$netns" "${bare[@]}" -netdev tap,id=net,ifname=tap0,script=no,downscript=no,vhost=off \
		-device "virtio-net-pci,netdev=net,mac=$mac,romfile=" </dev/null >"$work/out.net" 2>&1 &
	qemu=$!
	transfers "bare QEMU"
	kill "$qemu"
	wait "$qemu" || :
	tap_down
}

section_network()
{
	local i qemu

	have ip || return 0
	template moat
	printf 'boot virtio_pci virtio_net\n' >"$work/modules"
	guest/mkinitramfs.sh --agent "$tools/netbench" --release "$(sed -n s/^kernel_release=//p "$stock_image/manifest")" \
		--modroot "$stock_image/modroot" --list "$work/modules" "$work/net.cpio"
	bare_qemu "$stock_image" "$NET.2"
	for ((i = 0; i < ${#bare[@]}; i++)); do
		[ "${bare[i]}" != "$work/bare.cpio" ] || bare[i]=$work/net.cpio
	done
	cp "$tools/netbench" "$work/true/rootfs/bin/netbench"
	bundle net '.process.args = ["netbench", "serve"] | (.linux.namespaces[] | select(.type == "network")).path = "/run/netns/'"$netns"'"'
	network_up
	: >"$work/net.up"
	: >"$work/net.down"
	: >"$work/net.ping"
	for ((i = 0; i < runs; i++)); do
		network_moat
		network_bare
	done
	network_down
	sample "TCP to the guest" MB/s <"$work/net.up"
	sample "TCP from the guest" MB/s <"$work/net.down"
	sample "a byte there and back" us <"$work/net.ping"
	# 0.95 of its throughput
	row network "TCP to the guest" moat "bare QEMU" 1.053
	row network "TCP from the guest" moat "bare QEMU" 1.053
	row network "a byte there and back" moat "bare QEMU" -
}

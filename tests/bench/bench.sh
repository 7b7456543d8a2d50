#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# bench.sh [SECTION...]: what `make bench` does. Without SECTION all of them:
#
#	run       `moat run` of /bin/true, from a template and cold, against bare QEMU with the same kernel, machine,
#	          memory and kernel parameters, whose init reboots at once; step by step where the time goes; microvm
#	delete    `delete --force` of a running container, against the end of a bare QEMU with as much memory
#	state     `state` and `list` with 1, 10 and 100 containers (moat's without VMs: fake backend), runc, crun
#	exec      exec of /bin/true in a running container, runc, crun; moat's own part alone (fake backend)
#	stdio     a process's output and input, against a raw virtio-serial port and runc
#	network   throughput and latency of TCP with the guest, against a bare QEMU on the same tap
#	pod       start and memory of the first, 4th, 16th container in one VM; create in a sandbox against exec in it
#	disk      reading and writing a vhost-user disk, a direct volume and the shared root, against bare QEMU; what a disk adds to a start
#	hotplug   from the plugging of a disk to its node in the guest, against device_add of bare QEMU
#	podman    `podman run` of /bin/true with moat and with crun, from the caller's side; when podman calls the runtime for what
#	memory    memory of the host's processes and in the guest, from a template and cold
#	marginal  what one more idle sandbox from a template costs beside others
#	smallest  the least memory of a guest in which busybox runs
#	parallel  sandboxes started all at once on two processors, against one after the other
#	scale     the time of a start beside 0, 1, 2... running sandboxes; drawn as bench.svg and bench.png
#
# Each number is the median of BENCH_RUNS runs (default 10), the subjects of a comparison taking turns. A ratio
# is to the reference in the same line, above 1 is worse; "best" is the ratio of the best runs, which a busy
# machine disturbs less. The table goes to standard output and $BUILD/bench.txt, all numbers to $BUILD/bench.json.
# The kernel is the distribution's; where there is one of our own (make guest-kernel), it is measured too.
#
# BENCH_CGROUP=/DIR is a parent for the containers' cgroups: on a busy machine one with many cpu shares in which
# this script runs too. Others: BENCH_COUNTS="1 10 100" BENCH_STREAM_MB=200 BENCH_DISK_MB=256 BENCH_NET_MB=400 BENCH_PODS="1 4 16"
# BENCH_SANDBOXES=20 (parallel, scale) BENCH_IDLE=10 (marginal) BENCH_OUT=DIR (instead of $BUILD, for results) BENCH_STRICT=1 (a missed goal fails)
set -euo pipefail
export LC_ALL=C
umask 022

here=$(cd -- "$(dirname -- "$0")" && pwd)
cd -- "$here/../.."
build=$(realpath -- "${BUILD:-build}")
out=$(realpath -- "${BENCH_OUT:-$build}")
tools=$build/release/tests/bench
stock_image=$build/bench/stock
tuned_image=$build/bench/tuned
[ -e "$build/guest-kernel/vmlinux" ] && [ -e "$tuned_image/manifest" ] || tuned_image=
runs=${BENCH_RUNS:-10}
ALL="run delete state exec stdio network pod disk hotplug podman memory marginal smallest parallel scale"

die()
{
	echo "bench: $*" >&2
	exit 1
}

say()
{
	printf 'bench: %s\n' "$*" >&2
}

# shellcheck disable=SC2086 # a list
[ $# -gt 0 ] || set -- $ALL
for section; do
	[[ " $ALL " == *" $section "* ]] || die "no such section: $section ($ALL)"
done
[ "$(id -u)" = 0 ] || die "root is needed"
[[ $runs =~ ^[1-9][0-9]*$ ]] || die "BENCH_RUNS=$runs is not a number"
needed=("$build/release/moat" "$tools"/{guest,hotplug,measure,netbench,stream,timeline})
# The one section without a VM
[ "$*" = state ] || needed+=("$stock_image"/{vmlinux,initramfs.cpio})
for program in "${needed[@]}"; do
	[ -e "$program" ] || die "$program is not there (make bench builds it)"
done

work=$(mktemp -d /tmp/moat-bench.XXXXXX)
# The runtimes' state is in a tmpfs, as it is where /run is one.
if [ "$(stat -fc %T /dev/shm 2>/dev/null)" = tmpfs ]; then
	state=$(mktemp -d /dev/shm/moat-bench.XXXXXX)
else
	state=$work/state
	mkdir "$state"
	say "/dev/shm is no tmpfs: state, and templates, are in $state"
fi
samples=$work/samples rows=$work/rows
touch "$samples" "$rows"

# ---- the end, also an early one ----

# The pids of PID's children, one a line
children()
{
	cat /proc/"$1"/task/*/children 2>/dev/null | tr " " "\n" | grep . || :
}

# kill_tree PID: with everything below it. What is stopped starts nothing new meanwhile.
kill_tree()
{
	local pid

	kill -STOP "$1" 2>/dev/null || return 0
	while read -r pid; do
		kill_tree "$pid"
	done < <(children "$1")
	kill -KILL "$1" 2>/dev/null || :
}

# What has left that tree and still names this run's own directory, such as a maker of a template
kill_strays()
{
	local proc

	for proc in /proc/[0-9]*; do
		[ "${proc#/proc/}" != $$ ] && [[ $(tr '\0' ' ' 2>/dev/null <"$proc/cmdline") == *"$state/"* ]] || continue
		kill_tree "${proc#/proc/}"
	done
}

# runc and crun leave cgroups when they are killed early; nobody else's have such a name.
remove_cgroups()
{
	local dir pid i

	while read -r dir; do
		for ((i = 0; i < 20; i++)); do
			while read -r pid; do
				kill -KILL "$pid" || :
			done <"$dir/cgroup.procs"
			! rmdir "$dir" || break
			sleep 0.1
		done
	done < <(find /sys/fs/cgroup -depth -type d -path "*/${work##*/}-*") 2>/dev/null
}

cleanup()
{
	local name id

	trap '' INT TERM HUP
	trap - EXIT
	[ -z "${worker:-}" ] || kill_tree "$worker"
	{ wait; } 2>/dev/null
	kill_strays 2>/dev/null
	for name in "${RUNTIMES[@]}"; do
		local -n runtime=$name
		for id in "$state/$name"/[!@]*/; do
			[ ! -d "$id" ] || "${runtime[@]}" delete --force "$(basename "$id")" >/dev/null 2>&1 || :
		done
		! compgen -G "$state/$name/@*" >/dev/null || "${runtime[@]}" template remove >/dev/null 2>&1 || :
	done
	remove_cgroups 2>/dev/null
	free_loops
	network_down
	rm -rf "$work" "$state"
}

# ---- results ----

# sample CASE UNIT: lines "SUBJECT<tab>VALUE" from standard input
sample()
{
	local subject value

	while IFS=$'\t' read -r subject value; do
		printf '%s\t%s\t%s\t%s\n' "$1" "$subject" "$2" "$value" >>"$samples"
	done
}

# row SECTION CASE SUBJECT REFERENCE GOAL: a line of the table. REFERENCE - : GOAL is absolute. GOAL - : none.
row()
{
	printf '%s\t%s\t%s\t%s\t%s\n' "$@" >>"$rows"
}

have()
{
	command -v "$1" >/dev/null || {
		say "$1 is not installed: left out"
		return 1
	}
}

host_json()
{
	jq -n --arg kernel "$(uname -r)" --arg cpu "$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)" \
		--argjson cpus "$(nproc)" --arg load "$load" --arg load_at_end "$(cut -d' ' -f1 /proc/loadavg)" \
		--arg qemu "${qemu_argv[0]+$("${qemu_argv[0]}" --version | head -n 1)}" \
		--arg runc "$(runc --version 2>/dev/null | head -n 1 || :)" --arg crun "$(crun --version 2>/dev/null | head -n 1 || :)" \
		'$ARGS.named'
}

# shellcheck disable=SC2154 # moat: of runtimes.sh
report()
{
	local json=$out/bench.json

	jq -n --rawfile samples "$samples" --rawfile rows "$rows" --argjson host "$(host_json)" \
		--arg moat "$("${moat[0]}" --version | head -n 1)" --arg date "$(date -u +%FT%TZ)" --argjson runs "$runs" \
		--arg machine "${machine:-}" --arg accelerator "${accelerator:-}" --arg memory "${memory:-}" \
		--arg kernel "$(sed -n s/^kernel_release=//p "$stock_image/manifest" 2>/dev/null || :)" \
		--arg tuned "$([ -z "$tuned_image" ] || sed -n s/^kernel_release=//p "$tuned_image/manifest")" \
		-f tests/bench/report.jq >"$work/bench.json"
	cp "$work/bench.json" "$json"
	jq -r -f tests/bench/table.jq "$json" | tee "$out/bench.txt"
	! grep -q "^scale" "$rows" || plot "$json"
	[ "${BENCH_STRICT:-0}" = 0 ] || jq -e 'all(.results[]; .met != false)' "$json" >/dev/null || die "a goal was missed"
}

# ---- all of it ----

# shellcheck source=tests/bench/runtimes.sh
. "$here/runtimes.sh"
# shellcheck source=tests/bench/times.sh
. "$here/times.sh"
# shellcheck source=tests/bench/podman.sh
. "$here/podman.sh"
# shellcheck source=tests/bench/disk.sh
. "$here/disk.sh"
# shellcheck source=tests/bench/network.sh
. "$here/network.sh"
# shellcheck source=tests/bench/pod.sh
. "$here/pod.sh"
# shellcheck source=tests/bench/footprint.sh
. "$here/footprint.sh"
# shellcheck source=tests/bench/many.sh
. "$here/many.sh"

main()
{
	local section

	load=$(cut -d' ' -f1 /proc/loadavg)
	make_bundles
	# Where QEMU runs at all
	[ "$*" = state ] || inspect cold
	for section; do
		say "$section"
		"section_$section"
	done
	report
}

trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
# Not in this process: bash answers a signal only when what it waits for has ended, unless it is `wait` itself.
main "$@" &
worker=$!
status=0
wait "$worker" || status=$?
worker=
exit "$status"

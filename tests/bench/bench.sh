#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# bench.sh [SECTION...]: what `make bench` does. Without SECTION all of them:
#
#	run     `moat run` of /bin/true against bare QEMU with the same kernel, machine, memory and kernel
#	        parameters, whose init reboots at once; what moat does when, seen from outside
#	state   `state` and `list` with 1, 10 and 100 containers (moat's without VMs: fake backend), runc, crun
#	exec    exec of /bin/true in a running container, runc, crun; moat's own part alone (fake backend)
#	stdio   a process's output and input, against a raw virtio-serial port and runc
#	memory  memory of the host's processes and in the guest
#
# Each number is the median of BENCH_RUNS runs (default 5), the subjects of a comparison taking turns. A ratio
# is to the reference in the same line, above 1 is worse; "best" is the ratio of the best runs, which a busy
# machine disturbs less. The table goes to standard output and $BUILD/bench.txt, all numbers to $BUILD/bench.json.
#
# BENCH_CGROUP=/DIR is a parent for the containers' cgroups: on a busy machine one with many cpu shares in which
# this script runs too. Others: BENCH_COUNTS="1 10 100" BENCH_STREAM_MB=200 BENCH_MACHINE=microvm BENCH_KERNEL= BENCH_STRICT=1
set -euo pipefail
export LC_ALL=C
umask 022

top=$(cd -- "$(dirname -- "$0")/../.." && pwd)
cd -- "$top"
build=$(realpath -- "${BUILD:-build}")
tools=$build/release/tests/bench
kernel=${BENCH_KERNEL:-$build/guest/vmlinux}
runs=${BENCH_RUNS:-5}
counts=${BENCH_COUNTS:-1 10 100}
stream_mb=${BENCH_STREAM_MB:-200}
# Between the subjects of measure
and=,
ALL="run state exec stdio memory"

die()
{
	echo "bench: $*" >&2
	exit 1
}

say()
{
	printf 'bench: %s\n' "$*" >&2
}

[ "$(id -u)" = 0 ] || die "root is needed"
[[ $runs =~ ^[1-9][0-9]*$ ]] || die "BENCH_RUNS=$runs is not a number"
for program in "$build/release/moat" "$tools"/{guest,measure,stream,timeline} "$kernel"; do
	[ -e "$program" ] || die "$program is not there (make bench builds it)"
done

work=$(mktemp -d /tmp/moat-bench.XXXXXX)
# The runtimes' state is in a tmpfs, as it is where /run is one.
state=$(mktemp -d /dev/shm/moat-bench.XXXXXX)
samples=$work/samples rows=$work/rows
touch "$samples" "$rows"

moat=("$build/release/moat" --config "$work/moat.toml" --root "$state/moat")
fake=("$build/release/moat" --config "$work/fake.toml" --root "$state/fake")
# shellcheck disable=SC2034 # used by name
runc=(runc --root "$state/runc")
# shellcheck disable=SC2034
crun=(crun --root "$state/crun")

cleanup()
{
	local name id

	trap - EXIT
	for name in moat fake runc crun; do
		local -n runtime=$name
		for id in "$state/$name"/*/; do
			[ ! -d "$id" ] || "${runtime[@]}" delete --force "$(basename "$id")" >/dev/null 2>&1 || :
		done
	done
	rm -rf "$work" "$state"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

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

# ---- what is measured ----

have()
{
	command -v "$1" >/dev/null || {
		say "$1 is not installed: left out"
		return 1
	}
}

# bundle NAME FILTER: the busybox root file system with the configuration changed by a jq filter
bundle()
{
	mkdir -p "$work/$1"
	jq --arg root "$work/true/rootfs" --arg cgroup "${BENCH_CGROUP:+$BENCH_CGROUP/$1}" \
		".ociVersion = \"1.0.2\" | .root.path = \$root | if \$cgroup == \"\" then . else .linux.cgroupsPath = \$cgroup end | $2" \
		"$work/true/config.json" >"$work/json"
	mv "$work/json" "$work/$1/config.json"
}

make_bundles()
{
	mkdir -p "$state"/{moat,fake,runc,crun}
	MOAT=${moat[0]} guest/mkbundle.sh "$work/true" /bin/true
	cp "$tools/guest" "$work/true/rootfs/bin/bench-guest"
	bundle true .
	# A process namespace with a path is the guest's own: shows the agent.
	bundle plain '.process.args = ["sleep", "1000000"] |
		.linux.namespaces |= map(if .type == "pid" then .path = "/proc/1/ns/pid" else . end)'
	printf '[runtime]\nhypervisor = "fake"\n' >"$work/fake.toml"
	# Boots are compared; and a template that is made in the background would disturb what is measured meanwhile.
	printf '[factory]\nenable_template = false\n[hypervisor.qemu]\nmachine_type = "%s"\nkernel = "%s"\n' \
		"${BENCH_MACHINE:-q35}" "$kernel" >"$work/moat.toml"
}

# start RUNTIME ID [BUNDLE]: in the background. crun does not start anything on a host with both cgroup versions,
# unless it does not see the second.
start()
{
	local -n runtime=$1
	local name=${3:-$1-$2} command

	[ -n "${3:-}" ] || bundle "$name" '.process.args = ["sleep", "1000000"]'
	command=("${runtime[@]}" run --detach --bundle "$work/$name" "$2")

	if [ "$1" = crun ] && [ -d /sys/fs/cgroup/unified ]; then
		# shellcheck disable=SC2016 # for the inner shell
		command=(unshare --mount sh -c 'umount /sys/fs/cgroup/unified && exec "$@"' sh "${command[@]}")
	fi
	"${command[@]}" </dev/null >"$work/out" 2>&1 || die "$1 does not start a container: $(tail -n 3 "$work/out")"
}

stop()
{
	local -n runtime=$1
	"${runtime[@]}" delete --force "$2" >/dev/null 2>&1 || die "$1 does not delete $2"
}

json_of()
{
	jq -r "$2" "$state/moat/$1/state.json"
}

# The pids of PID's children, one a line
children()
{
	cat /proc/"$1"/task/*/children 2>/dev/null | tr " " "\n" | grep . || :
}

# The pid of moat container ID's QEMU: the monitor's child of that name.
qemu_of()
{
	local pid

	while read -r pid; do
		if [[ $(cat "/proc/$pid/comm") == qemu* ]]; then
			echo "$pid"
			return
		fi
	done < <(children "$(json_of "$1" .monitor.pid)")
	die "container $1 has no QEMU"
}

# bare_qemu ARG... : sets bare=() to moat's own QEMU command line without moat's devices, control and sandbox, and
# with ARG... for guest.c; devices=() to the same with the devices that need no other end.
bare_qemu()
{
	local argv i append=

	argv=("${qemu_argv[@]}")
	bare=("${argv[0]}") devices=()
	for ((i = 1; i < ${#argv[@]}; i++)); do
		case ${argv[i]} in
		-S) ;;
		-name | -sandbox | -chardev | -mon) i=$((i + 1)) ;;
		-device)
			[[ ${argv[i + 1]} == virtserialport* ]] || devices+=(-device "${argv[i + 1]}")
			i=$((i + 1))
			;;
		-serial | -kernel | -initrd) i=$((i + 1)) ;;
		-append) append=${argv[i += 1]} ;;
		*) bare+=("${argv[i]}") ;;
		esac
	done
	bare+=(-serial null -kernel "$kernel" -initrd "$work/bare.cpio" -append "$append -- $*")
}

# Of a running container: QEMU's command line, and what identifies the machine.
inspect()
{
	start moat inspect
	mapfile -d '' -t qemu_argv <"/proc/$(qemu_of inspect)/cmdline"
	stop moat inspect
	local i
	for ((i = 0; i < ${#qemu_argv[@]}; i++)); do
		case ${qemu_argv[i]} in
		-machine) machine=${qemu_argv[i + 1]%%,*} ;;
		-accel) accelerator=${qemu_argv[i + 1]%%,*} ;;
		-m) memory=${qemu_argv[i + 1]} ;;
		esac
	done
	# Nothing but guest.c as /init
	guest/mkinitramfs.sh --agent "$tools/guest" "$work/bare.cpio"
}

# ---- sections ----

section_run()
{
	local step

	bare_qemu off
	"$tools/measure" "$runs" "bare QEMU" "${bare[@]}" , moat "${moat[@]}" run --bundle "$work/true" true , \
		"bare QEMU + devices" "${bare[@]}" "${devices[@]}" | sample "run /bin/true" ms
	row run "run /bin/true" moat "bare QEMU" 1.25
	row run "run /bin/true" moat "bare QEMU + devices" -
	for ((step = 0; step < runs; step++)); do
		"$tools/timeline" "$state/moat" timeline "${moat[@]}" run --bundle "$work/true" timeline
	done | sample timeline ms
}

section_state()
{
	local have=(fake) name n=0 to command

	! have runc || have+=(runc)
	! have crun || have+=(crun)
	for to in $counts; do
		for ((; n < to; n++)); do
			for name in "${have[@]}"; do
				start "$name" "c$n"
			done
		done
		for command in "state c$((n - 1))" list; do
			local args=() case="${command%% *} of $to"
			for name in "${have[@]}"; do
				local -n runtime=$name
				args+=("${name/fake/moat}" "${runtime[@]}")
				# shellcheck disable=SC2206 # two words
				args+=($command "$and")
			done
			"$tools/measure" $((4 * runs)) "${args[@]}" | sample "$case" ms
			for name in "${have[@]:1}"; do
				row state "$case" moat "$name" "$([ "$name" = runc ] && echo 1 || echo -)"
			done
		done
	done
	for ((n -= 1; n >= 0; n--)); do
		for name in "${have[@]}"; do
			stop "$name" "c$n"
		done
	done
}

section_exec()
{
	local args=() name have=()

	! have runc || have+=(runc)
	! have crun || have+=(crun)
	for name in moat fake "${have[@]}"; do
		start "$name" exec
	done
	for name in "${have[@]}"; do
		local -n runtime=$name
		args+=("$name" "${runtime[@]}" exec exec /bin/true "$and")
	done
	"$tools/measure" "$runs" moat "${moat[@]}" exec exec /bin/true , "moat, no VM" "${fake[@]}" exec exec exit 0 , \
		"${args[@]}" | sample "exec /bin/true" ms
	for name in "${have[@]}"; do
		row exec "exec /bin/true" moat "$name" -
		row exec "exec /bin/true" "moat, no VM" "$name" -
	done
	for name in moat fake "${have[@]}"; do
		stop "$name" exec
	done
}

# stream_once NAME in|out: one transfer, in MB/s
stream_once()
{
	local bytes=$((stream_mb * 1000000))

	if [ "$1" = port ]; then
		bare_qemu "$2" "$bytes"
		"$tools/stream" --fd 5 "$2" "$bytes" "${bare[@]}" -chardev socket,id=bench,fd=5 \
			-device virtio-serial-pci,max_ports=2,disable-legacy=on -device virtserialport,nr=1,chardev=bench
	else
		local -n runtime=$1
		"$tools/stream" "$2" "$bytes" "${runtime[@]}" exec stdio bench-guest "$2" "$bytes"
	fi
}

section_stdio()
{
	local have=(port) direction name i speed

	! have runc || have+=(runc)
	for name in moat "${have[@]:1}"; do
		start "$name" stdio
	done
	for direction in out in; do
		for ((i = 0; i < runs; i++)); do
			for name in moat "${have[@]}"; do
				speed=$(stream_once "$name" $direction) || die "no stream $direction with $name"
				printf '%s\t%s\n' "${name/port/raw port}" "$speed"
			done
		done | sample "stdio $direction" MB/s
		for name in "${have[@]}"; do
			row stdio "stdio $direction" moat "${name/port/raw port}" -
		done
	done
	for name in moat "${have[@]:1}"; do
		stop "$name" stdio
	done
}

# pss PID...: their proportional set size, in MiB
pss()
{
	local pid

	for pid; do
		cat "/proc/$pid/smaps_rollup"
	done | awk '/^Pss:/ { sum += $2 } END { printf "%.2f\n", sum / 1024 }'
}

# Every process below PID
descendants()
{
	local pid

	while read -r pid; do
		echo "$pid"
		descendants "$pid"
	done < <(children "$1")
}

memory_once()
{
	local monitor standin qemu virtiofsd

	start moat memory plain
	monitor=$(json_of memory .monitor.pid)
	standin=$(json_of memory .standin.pid)
	qemu=$(qemu_of memory)
	virtiofsd=$(descendants "$monitor" | grep -vx "$qemu" || :)
	printf 'monitor\t%s\n' "$(pss "$monitor")"
	printf 'stand-in\t%s\n' "$(pss "$standin")"
	printf 'monitor and stand-in\t%s\n' "$(pss "$monitor" "$standin")"
	# shellcheck disable=SC2086 # a list
	printf 'virtiofsd\t%s\n' "$(pss $virtiofsd)"
	printf 'QEMU\t%s\n' "$(pss "$qemu")"
	# shellcheck disable=SC2086 # a list
	printf 'sandbox\t%s\n' "$(pss "$monitor" "$standin" $virtiofsd "$qemu")"
	printf 'QEMU, guest memory\t%s\n' "$(awk '/^[0-9a-f]+-/ { ram = /memory-backend-memfd/ }
		ram && /^Pss:/ { sum += $2 } END { printf "%.2f", sum / 1024 }' "/proc/$qemu/smaps")"
	"${moat[@]}" exec memory cat /proc/meminfo >"$work/meminfo"
	awk '{ v[$1] = $2 } END { printf "guest, in use\t%.2f\nguest, total\t%.2f\n",
		(v["MemTotal:"] - v["MemAvailable:"]) / 1024, v["MemTotal:"] / 1024 }' "$work/meminfo"
	"${moat[@]}" exec memory cat /proc/1/status >"$work/agent"
	awk '$1 == "Name:" { name = $2 } $1 == "VmRSS:" && name ~ /^(init|moat-agent)$/ {
		printf "guest, agent RSS\t%.2f\n", $2 / 1024 }' "$work/agent"
	stop moat memory
}

section_memory()
{
	local i subject

	for ((i = 0; i < runs; i++)); do
		memory_once
	done | sample memory MiB
	printf 'initramfs\t%s\n' "$(stat -c %s "$build/guest/initramfs.cpio" | awk '{ printf "%.2f", $1 / 1048576 }')" |
		sample memory MiB
	row memory memory "monitor and stand-in" - 6
	for subject in monitor stand-in virtiofsd QEMU "QEMU, guest memory" sandbox; do
		row memory memory "$subject" - -
	done
	row memory memory "guest, agent RSS" - 1
	row memory memory "guest, in use" - -
	row memory memory "guest, total" - -
	row memory memory initramfs - 6
}

# ---- report ----

host_json()
{
	jq -n --arg kernel "$(uname -r)" --arg cpu "$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)" \
		--argjson cpus "$(nproc)" --arg load "$load" --arg qemu "${qemu_argv[0]+$("${qemu_argv[0]}" --version | head -n 1)}" \
		--arg runc "$(runc --version 2>/dev/null | head -n 1 || :)" --arg crun "$(crun --version 2>/dev/null | head -n 1 || :)" \
		'$ARGS.named'
}

report()
{
	local json=$build/bench.json

	jq -n --rawfile samples "$samples" --rawfile rows "$rows" --argjson host "$(host_json)" \
		--arg moat "$("${moat[0]}" --version | head -n 1)" --arg date "$(date -u +%FT%TZ)" --argjson runs "$runs" \
		--arg machine "${machine:-}" --arg accelerator "${accelerator:-}" --arg memory "${memory:-}" \
		--arg kernel "$(sed -n s/^kernel_release=//p "$build/guest/manifest")" \
		-f tests/bench/report.jq >"$json.new"
	mv "$json.new" "$json"
	jq -r -f tests/bench/table.jq "$json" | tee "$build/bench.txt"
	[ "${BENCH_STRICT:-0}" = 0 ] || jq -e 'all(.results[]; .met != false)' "$json" >/dev/null || die "a goal was missed"
}

load=$(cut -d' ' -f1 /proc/loadavg)
make_bundles
# shellcheck disable=SC2086 # a list
[ $# -gt 0 ] || set -- $ALL
for section; do
	[[ " $ALL " == *" $section "* ]] || die "no such section: $section ($ALL)"
done
# Where QEMU runs at all
[ "$*" = state ] || inspect
for section; do
	say "$section"
	"section_$section"
done
report

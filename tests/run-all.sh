#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run-all.sh [STAGE...]: what `make check-all` does. Runs every stage, also after one has failed, with what
# each has to say in build/logs/STAGE.log, and prints one line a stage and at last, for all of them,
#
#	N passed, N failed
#
# A stage that dies before it can count, or that takes longer than its limit, is one failure.
# Skipped tests are shown and are in neither number. NO_INSTALL=1 leaves the packages alone.
set -uo pipefail
export LC_ALL=C

cd -- "$(dirname -- "$0")/.." || exit 1
make=${MAKE:-make}
build=${BUILD:-build}
logs=$build/logs
mkdir -p "$logs" || exit 1
unset MAKEFLAGS MAKELEVEL MAKEOVERRIDES MFLAGS VARIANT

STAGES=(packages build unit asan guest bats runc clients leaks lab fuzz lint)
passed=0 failed=0 skipped=0

# ---- stages: each writes its log to standard output ----

stage_packages()
{
	[ "${NO_INSTALL:-0}" != 0 ] || contrib/packages.sh install build kernel run demo test
}

stage_build()
{
	$make BUILD="$build" -j"$(nproc)" all
}

stage_unit()
{
	$make BUILD="$build" -j"$(nproc)" unit-tests && $make BUILD="$build" check
}

stage_asan()
{
	$make BUILD="$build" VARIANT=asan -j"$(nproc)" unit-tests && $make BUILD="$build" asan
}

stage_guest()
{
	$make BUILD="$build" guest && cat "$build/guest/manifest"
}

# Processes of this build tree with what they started, and orphans among the uids that VMs get. By inode,
# not by name: somebody else may be running VMs on this machine.
our_processes()
{
	local ours
	ours=$(stat -Lc '%d:%i %n' /proc/[0-9]*/exe 2>/dev/null |
		grep -F "$(stat -c '%d:%i ' "$build"/release/moat* 2>/dev/null || echo none)" | sed 's,.*/proc/\([0-9]*\)/exe,\1,')
	ps -e -o pid=,ppid=,uid=,comm= | awk -v ours="$ours" '
		BEGIN { n = split(ours, list); for (i = 1; i <= n; i++) own[list[i]] = 1 }
		{ parent[$1] = $2; uid[$1] = $3; name[$1] = $4 }
		END {
			for (pid in parent) {
				mine = monitor = 0
				for (p = pid; p in parent && p > 0; p = parent[p]) {
					mine = mine || p in own
					monitor = monitor || name[p] == "moat-monitor"
				}
				if (mine || (uid[pid] >= 1879048192 && uid[pid] < 2147483647 && !monitor))
					print "process", name[pid]
			}
		}'
}

# What a test may leave behind on the host: mounts, named sockets, our processes, state directories.
host_state()
{
	# Podman mounts that one for itself, once.
	awk '$5 != "/run/netns" { print "mount", $5, $9, $10 }' /proc/self/mountinfo
	awk 'NR > 1 && $8 ~ /moat|qemu|virtiofs/ { print "socket", $8 }' /proc/net/unix
	our_processes
	find /run/moat -mindepth 1 -maxdepth 1 -printf 'state %p\n' 2>/dev/null
	find /sys/fs/cgroup -type d -path '*moat*' -printf 'cgroup %p\n' 2>/dev/null
}

stage_bats()
{
	host_state | sort >"$logs/host.before"
	BUILD=$build bats --tap tests/bats
}

# What both do has to be the same.
stage_runc()
{
	BUILD=$build RUNTIME=runc bats --tap --filter-tags '!moat' tests/bats
}

# The scripts that drive containerd and podman; they and the documents are beside the checkout.
stage_clients()
{
	local scripts=../shared/clients script rc=0
	if [ ! -d "$scripts" ]; then
		echo "ok 1 # skip no $scripts"
		[ -z "${CI:-}" ]
		return
	fi
	for script in ctr podman; do
		"$scripts/$script-smoke.sh" "$build/release/moat" || rc=1
	done
	return $rc
}

# What ends by itself gets five seconds.
stage_leaks()
{
	local i
	if [ ! -f "$logs/host.before" ]; then
		echo "nothing to compare with: stage bats did not run"
		return 0
	fi
	for ((i = 0; i < 10; i++)); do
		host_state | sort >"$logs/host.after"
		comm -13 "$logs/host.before" "$logs/host.after" >"$logs/host.left"
		[ -s "$logs/host.left" ] || return 0
		sleep 0.5
	done
	echo "the tests left behind:"
	cat "$logs/host.left"
	return 1
}

stage_fuzz()
{
	$make BUILD="$build" VARIANT=fuzz -j"$(nproc)" fuzzers && $make BUILD="$build" FUZZ_SECONDS="${FUZZ_SECONDS:-5}" fuzz
}

# The short form: VMs inside of an emulated machine.
stage_lab()
{
	$make BUILD="$build" lab-short
}

# Each kind of check counts for itself.
stage_lint()
{
	local kind rc=0
	for kind in lint-format lint-layers lint-shell lint-cppcheck lint-tidy; do
		if $make BUILD="$build" -j"$(nproc)" $kind; then
			echo "  ok    $kind"
		else
			echo "  FAIL  $kind"
			rc=1
		fi
	done
	return $rc
}

# ---- counting ----

# limit STAGE: seconds
limit()
{
	case $1 in
	bats) echo "${BATS_LIMIT:-3600}" ;;
	*) echo 1800 ;;
	esac
}

# count STAGE STATUS: sets good, bad, skip from its log
count()
{
	local log=$logs/$1.log
	good=0 bad=0 skip=0
	case $1 in
	unit | asan)
		read -r good bad < <(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$log" | tail -n 1)
		;;
	bats | runc | clients | lab)
		skip=$(grep -Ec '^ok [0-9]+ .*# skip' "$log")
		good=$(($(grep -Ec '^ok [0-9]+' "$log") - skip))
		bad=$(grep -Ec '^not ok [0-9]+' "$log")
		;;
	fuzz | lint)
		good=$(grep -Ec '^  ok    ' "$log")
		bad=$(grep -Ec '^  FAIL  ' "$log")
		;;
	*) [ "$2" != 0 ] || good=1 ;;
	esac
	good=${good:-0} bad=${bad:-0}
	# It failed, or counted nothing, without saying what.
	if ((bad == 0)) && { [ "$2" != 0 ] || ((good + skip == 0)); }; then
		bad=1
	fi
}

# What failed, as far as the log's form tells; else its end
show()
{
	local log=$logs/$1.log
	case $1 in
	bats | runc | clients | lab) awk '/^(not )?ok/ { bad = /^not/ } bad' "$log" | head -n 150 ;;
	unit | asan) grep -A 8 -E '^  FAIL|error:' "$log" | head -n 60 ;;
	*) tail -n 25 "$log" ;;
	esac | sed 's/^/        /'
	[ "$(wc -l <"$log")" -gt 0 ] || echo "        (it said nothing)"
	echo "        ... see $log"
}

run_stage()
{
	local stage=$1 status start=$SECONDS good bad skip
	# timeout makes a process group of its own and signals all of it.
	timeout -k 20 "$(limit "$stage")" "$0" --stage "$stage" >"$logs/$stage.log" 2>&1 </dev/null
	status=$?
	[ $status != 124 ] || echo "stage $stage took longer than $(limit "$stage") s" >>"$logs/$stage.log"
	count "$stage" $status
	passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + skip))
	printf '%-10s %5d passed %5d failed' "$stage" "$good" "$bad"
	((skip == 0)) || printf ' %5d skipped' "$skip"
	printf '   %d s\n' $((SECONDS - start))
	((bad == 0)) || show "$stage"
	((skip == 0)) || grep -E '^ok [0-9]+ .*# skip' "$logs/$stage.log" | sed 's/^ok [0-9]* /        skipped: /'
}

if [ "${1:-}" = --stage ]; then
	"stage_$2"
	exit
fi
[ $# -gt 0 ] || set -- "${STAGES[@]}"
rm -f "$logs"/host.*
for stage in "$@"; do
	if ! declare -F "stage_$stage" >/dev/null; then
		echo "run-all: no stage $stage; there are: ${STAGES[*]}" >&2
		exit 2
	fi
done
for stage in "$@"; do
	run_stage "$stage"
done
printf '%d passed, %d failed\n' $passed $failed
((failed == 0))

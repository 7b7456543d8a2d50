#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh [--short | FILE...]: the bats files of this directory in the lab. --short leaves out what is tagged "long";
# BATS_FLAGS="-f TEXT" takes tests with that in their name.
set -uo pipefail

here=$(cd -- "$(dirname -- "$0")" && pwd)
cd -- "$here/../.." || exit 1
flags=()
if [ "${1:-}" = --short ]; then
	flags=(--filter-tags '!long')
	shift
fi
files=()
for file; do
	files+=("$here/$file.bats")
done
((${#files[@]})) || files=("$here"/*.bats)
# Where systemd is PID 1 there is a machine of its own for it, and another for controllers of version 1.
with=() without=() hybrid=()
for file in "${files[@]}"; do
	case ${file##*/} in
	systemd-hybrid*) hybrid+=("$file") ;;
	systemd*) with+=("$file") ;;
	*) without+=("$file") ;;
	esac
done
# A hundred times slower than a machine of today, and more when the host is busy: its tests wait that much longer. Programs
# are built before. Everything is there: what would be skipped has failed.
run()
{
	# shellcheck disable=SC2086
	[ "$(bats --count ${BATS_FLAGS:-} "${flags[@]}" "$@")" != 0 ] || return 0
	# shellcheck disable=SC2086
	"$here/lab.sh" -t "${LAB_LIMIT:-1800}" env BUILD="${BUILD:-build}" MOAT_TEST_BUILT=1 MOAT_TEST_STRICT=1 MOAT_TEST_BOOT_TIMEOUT=300 LIMIT=400 \
		bats --tap --timing ${BATS_FLAGS:-} --setup-suite-file "$here/../bats/setup_suite.bash" "${flags[@]}" "$@"
}

status=0
((${#without[@]} == 0)) || run "${without[@]}" || status=$?
((${#with[@]} == 0)) || LAB_SYSTEMD=1 run "${with[@]}" || status=$?
((${#hybrid[@]} == 0)) || LAB_SYSTEMD=1 LAB_APPEND=systemd.unified_cgroup_hierarchy=0 run "${hybrid[@]}" || status=$?
exit "$status"

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# quickstart.sh: what `make quickstart` does, from a clean clone to a container in a VM. What each step
# has to say goes to build/quickstart/logs and is shown if it fails.
set -euo pipefail

cd -- "$(dirname -- "$0")/.."
make=${MAKE:-make}
build=${BUILD:-build}
work=$build/quickstart
mkdir -p "$work/logs"
work=$(cd -- "$work" && pwd)
# The variables of the make that called us are not for those we call.
unset MAKEFLAGS MAKELEVEL MAKEOVERRIDES MFLAGS VARIANT

n=0
# step WHAT LOG COMMAND...
step()
{
	local what=$1 log=$work/logs/$2.log start=$EPOCHREALTIME
	shift 2
	n=$((n + 1))
	printf '[%d/5] %-46s ' $n "$what"
	if ! "$@" >"$log" 2>&1 </dev/null; then
		printf 'failed\n\n'
		tail -n 40 "$log" | sed 's/^/    /'
		printf '\nquickstart: "%s" failed, everything it said is in %s\n' "$what" "$log" >&2
		exit 1
	fi
	awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { printf "%6.1f s\n", b - a }'
}

build_all()
{
	$make BUILD="$build" -j"$(nproc)" all
}

build_guest()
{
	$make BUILD="$build" guest && cat "$build/guest/manifest"
}

step "packages" packages contrib/packages.sh install build run demo
step "build moat and its agent" build build_all
step "guest image (kernel and initramfs)" guest build_guest
# shellcheck disable=SC2016 # for the shell in the container
step "busybox bundle in $work/bundle" bundle env MOAT="$build/release/moat" guest/mkbundle.sh "$work/bundle" sh -c '
	echo "Hello from a container in a virtual machine of its own."
	echo "kernel:    $(uname -sr)"
	echo "hostname:  $(hostname)"
	echo "memory:    $(awk "/^MemTotal/ { print int(\$2 / 1024), \"MiB\" }" /proc/meminfo)"
	echo "processes: $(ls -d /proc/[0-9]* | wc -l)"'

# One container needs no template; its maker would be at work below $build for seconds after we are done.
printf '[factory]\nenable_template = false\n' >"$work/moat.toml"
moat=("$build/release/moat" --config "$work/moat.toml" --root "$work/state")

printf '[5/5] %s\n' "moat run --bundle $work/bundle quickstart"
printf '      the kernel of the host is %s\n\n' "$(uname -sr)"
if ! "${moat[@]}" run --bundle "$work/bundle" "quickstart-$$" >"$work/output" \
	2>"$work/logs/run.log" </dev/null; then
	cat "$work/output" "$work/logs/run.log"
	"${moat[@]}" delete --force "quickstart-$$" >/dev/null 2>&1 || true
	echo "quickstart: the container could not be run" >&2
	exit 1
fi
cat "$work/output"
kernel=$(sed -n 's/^kernel: *//p' "$work/output")
if [ -z "$kernel" ] || [ "$kernel" = "$(uname -sr)" ]; then
	echo "quickstart: the container did not run on a kernel of its own" >&2
	exit 1
fi

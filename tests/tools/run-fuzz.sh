#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run-fuzz.sh BUILD TARGET...: runs libFuzzer targets for $FUZZ_SECONDS each.
# Seeds: tests/fuzz/corpus/<name>/ (name without "fuzz_"); what is found grows in BUILD/corpus/<name>/.
set -u

build=$1
shift
bad=0

for target in "$@"; do
	name=${target#fuzz_}
	corpus=$build/corpus/$name
	seeds=tests/fuzz/corpus/$name
	log=$build/$target.log
	mkdir -p "$corpus" "$build/crashes"
	[ -d "$seeds" ] || seeds=
	dict=tests/fuzz/$name.dict
	[ -f "$dict" ] || dict=
	# shellcheck disable=SC2086 # $seeds is empty or one word
	if "$build/tests/fuzz/$target" -max_total_time="${FUZZ_SECONDS:-10}" -timeout=10 -rss_limit_mb=1024 \
		-close_fd_mask=1 ${dict:+-dict="$dict"} -artifact_prefix="$build/crashes/$name-" \
		"$corpus" $seeds >"$log" 2>&1; then
		printf '  ok    %-24s %s\n' "$target" "$(grep -o '^Done .*' "$log" | tail -n 1)"
	else
		printf '  FAIL  %-24s see %s\n' "$target" "$log"
		tail -n 30 "$log" | sed 's/^/        /'
		bad=1
	fi
done
exit $bad

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs Check programs: one line a program, the failures of each, and last the
# number of test cases: "N passed, N failed". Fails if any failed.
set -u

passed=0
failed=0
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT

for program in "$@"; do
	name=${program##*/}
	CK_VERBOSITY=normal "$program" </dev/null >"$log" 2>&1
	status=$?
	# Check's summary: "83%: Checks: 6, Failures: 1, Errors: 0"
	# shellcheck disable=SC2046 # three numbers
	set -- $(sed -n 's/^[0-9]*%: Checks: \([0-9]*\), Failures: \([0-9]*\), Errors: \([0-9]*\)$/\1 \2 \3/p' "$log" | tail -n 1)
	if [ $# -eq 3 ]; then
		bad=$(($2 + $3))
		good=$(($1 - bad))
	else
		bad=1 # died before its summary
		good=0
	fi
	# A leak report of the program itself, for one, comes after a good summary.
	[ "$status" -ne 0 ] && [ "$bad" -eq 0 ] && bad=1
	passed=$((passed + good))
	failed=$((failed + bad))
	if [ "$bad" -eq 0 ]; then
		printf '  ok    %-24s %4d passed\n' "$name" "$good"
	else
		printf '  FAIL  %-24s %4d passed, %d failed (exit status %d)\n' "$name" "$good" "$bad" "$status"
		sed 's/^/        /' "$log"
	fi
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]

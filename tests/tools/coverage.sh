#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# coverage.sh BUILD: line coverage of each source file after a test run, worst first.
set -u

find "$1" -path "$1/tests" -prune -o -name '*.gcda' -print | sort | while read -r data; do
	gcov -n "${data%.gcda}.o" 2>/dev/null |
		sed -n "/^File '[a-z]*\/[^']*\.c'/{N;s/^File '\(.*\)'\nLines executed:\([0-9.]*%\) of \([0-9]*\)/\2 \3 \1/p}"
done | sort -n | awk '
	{ printf "  %7s of %5d lines  %s\n", $1, $2, $3; lines += $2; hit += $1 * $2 / 100 }
	END { if (lines) printf "  %6.2f%% of %5d lines  together\n", 100 * hit / lines, lines }'

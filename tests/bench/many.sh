# shellcheck shell=bash disable=SC2154,SC2034 # variables are set and used across the parts
# SPDX-License-Identifier: Apache-2.0
#
# Part of bench.sh: many sandboxes at a time.

sandboxes=${BENCH_SANDBOXES:-20}

# On two processors, or as many as there are
two_processors()
{
	if [ "$(nproc)" -gt 2 ] && taskset -c 0,1 true 2>/dev/null; then
		taskset -c 0,1 "$@"
	else
		"$@"
	fi
}

now_us()
{
	echo "${EPOCHREALTIME/./}"
}

# ms_since US
ms_since()
{
	jq -n "($(now_us) - $1) / 1000"
}

# launch N: a sandbox from the template
launch()
{
	two_processors "${moat[@]}" run --detach --bundle "$work/moat-many$1" "many$1" </dev/null >"$work/out.many$1" 2>&1
}

# How many of them do not run a process
not_working()
{
	local i ok bad=0

	for ((i = 0; i < sandboxes; i++)); do
		ok=1
		"${moat[@]}" exec "many$i" /bin/true >/dev/null 2>&1 || ok=0
		"${moat[@]}" delete --force "many$i" >/dev/null 2>&1 || ok=0
		((ok)) || bad=$((bad + 1))
	done
	echo $bad
}

section_parallel()
{
	local what="start of $sandboxes" round i start

	template moat
	for ((i = 0; i < sandboxes; i++)); do
		sleeper moat "many$i"
	done
	for ((round = 0; round < runs; round++)); do
		start=$(now_us)
		for ((i = 0; i < sandboxes; i++)); do
			launch "$i" || :
		done
		printf 'in a row\t%s\n' "$(ms_since "$start")" | sample "$what" ms
		printf 'in a row\t%s\n' "$(not_working)" | sample "of $sandboxes do not work" sandboxes
		start=$(now_us)
		for ((i = 0; i < sandboxes; i++)); do
			launch "$i" &
		done
		wait
		printf 'in parallel\t%s\n' "$(ms_since "$start")" | sample "$what" ms
		printf 'in parallel\t%s\n' "$(not_working)" | sample "of $sandboxes do not work" sandboxes
	done
	row parallel "$what" "in parallel" "in a row" -
	row parallel "of $sandboxes do not work" "in parallel" - 0
	row parallel "of $sandboxes do not work" "in a row" - 0
}

section_scale()
{
	local what="start" round i start at

	template moat
	for ((i = 0; i <= sandboxes; i++)); do
		sleeper moat "many$i"
	done
	for ((round = 0; round < runs; round++)); do
		for ((i = 0; i <= sandboxes; i++)); do
			start=$(now_us)
			launch "$i" || die "sandbox $i does not start: $(tail -n 3 "$work/out.many$i")"
			printf 'beside %s\t%s\n' "$i" "$(ms_since "$start")"
		done
		for ((; i > 0; i--)); do
			stop moat "many$((i - 1))"
		done
	done | sample "$what" ms
	for at in $((sandboxes / 4)) $((sandboxes / 2)) $sandboxes; do
		row scale "$what" "beside $at" "beside 0" -
	done
}

# plot JSON: draws what section_scale found
plot()
{
	local data=$work/scale.tsv format

	have gnuplot || {
		say "the plot needs gnuplot: contrib/packages.sh install bench"
		return 0
	}
	jq -r '.samples[] | select(.case == "start") | (.values | sort) as $v | [(.subject | ltrimstr("beside ") | tonumber),
		(if $v | length % 2 == 1 then $v[length / 2 | floor] else ($v | (.[length / 2 - 1] + .[length / 2]) / 2) end),
		$v[0], $v[-1]] | @tsv' "$1" | sort -n >"$data"
	for format in svg png; do
		gnuplot -e "format = '$format'; data = '$data'; output = '$work/bench.$format'" tests/bench/plot.gp 2>"$work/gnuplot" || {
			say "no $format: $(tail -n 1 "$work/gnuplot")"
			continue
		}
		cp "$work/bench.$format" "$out/bench.$format"
		say "$out/bench.$format: start time against the number of running sandboxes"
	done
}

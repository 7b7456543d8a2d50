# shellcheck shell=bash disable=SC2154,SC2034 # variables are set and used across the parts
# SPDX-License-Identifier: Apache-2.0
#
# Part of bench.sh: how long things take and how fast data flows.

counts=${BENCH_COUNTS:-1 10 100}
stream_mb=${BENCH_STREAM_MB:-200}
# Between the subjects of measure
and=,

# steps RUNTIME CASE: where the time of a run goes
steps()
{
	local -n runtime=$1
	local i

	for ((i = 0; i < runs; i++)); do
		"$tools/timeline" "$state/$1" timeline "${runtime[@]}" run --bundle "$work/true" timeline
	done | sample "timeline $2" ms
}

section_run()
{
	local what="run /bin/true" args

	template moat
	bare_qemu "$stock_image" off
	plain_qemu "$stock_image" off
	args=("bare QEMU" "${bare[@]}" "$and" "moat, cold" "${cold[@]}" run --bundle "$work/true" true "$and"
		"moat, template" "${moat[@]}" run --bundle "$work/true" true "$and"
		"bare QEMU + devices" "${bare[@]}" "${devices[@]}" "$and" "bare QEMU, untuned" "${plain[@]}")
	if [ -n "$tuned_image" ]; then
		template tuned
		bare_qemu "$tuned_image" off
		args+=("$and" "bare QEMU, tuned kernel" "${bare[@]}"
			"$and" "moat, cold, tuned kernel" "${tuned_cold[@]}" run --bundle "$work/true" true
			"$and" "moat, template, tuned kernel" "${tuned[@]}" run --bundle "$work/true" true)
	fi
	"$tools/measure" "$runs" "${args[@]}" | sample "$what" ms
	row run "$what" "moat, template" "bare QEMU" 0.10
	row run "$what" "moat, template" "bare QEMU, untuned" 0.10
	row run "$what" "moat, spare" "bare QEMU" -
	row run "$what" "moat, cold" "bare QEMU" 1.10
	row run "$what" "moat, cold" "bare QEMU + devices" -
	row run "$what" "moat, template, tuned kernel" "bare QEMU, tuned kernel" -
	row run "$what" "moat, template, tuned kernel" "bare QEMU" -
	row run "$what" "moat, cold, tuned kernel" "bare QEMU, tuned kernel" -
	run_spares "$what"
	steps moat template
	steps cold cold
	run_microvm
}

# Of a VM that waits (vm_cache_number). Not in turns with others, whom the making of the next one would disturb.
run_spares()
{
	local i spent

	"${spare[@]}" template create >/dev/null || die "no template for a spare"
	for ((i = 0; i < runs; i++)); do
		"${spare[@]}" template fill >/dev/null || die "no spare"
		# The one that the last run has asked for may be in the making: that holds the lock.
		flock "$state/spare/@spares" true
		spent=$(time_of "${spare[@]}" run --bundle "$work/true" true) || die "no run with a spare"
		printf 'moat, spare\t%s\n' "$spent"
	done | sample "$1" ms
	"${spare[@]}" template remove >/dev/null
}

# The fields that `inspect` sets stay those of the first machine.
run_microvm()
{
	local qemu_argv machine accelerator memory bare devices

	inspect microvm
	bare_qemu "$stock_image" off
	"$tools/measure" "$runs" "bare QEMU" "${bare[@]}" , "moat, cold" "${microvm[@]}" run --bundle "$work/true" true |
		sample "run /bin/true, microvm" ms
	row run "run /bin/true, microvm" "moat, cold" "bare QEMU" 1.25
}

# time_of COMMAND...: in ms, once
time_of()
{
	"$tools/measure" --once it "$@" | cut -f2
}

section_delete()
{
	local i own name spent
	local port=(-chardev "socket,id=bench,fd=5" -device "virtio-serial-pci,max_ports=2,disable-legacy=on"
		-device "virtserialport,nr=1,chardev=bench")

	template moat
	bare_qemu "$stock_image" out 1
	for ((i = 0; i < runs; i++)); do
		own=$("$tools/stream" --fd 5 end 1 "${bare[@]}" "${port[@]}" 2>"$work/err") ||
			die "no end of a bare QEMU: $(tail -n 3 "$work/err")"
		printf "bare QEMU's end\t%s\n" "$own"
		for name in moat cold; do
			local -n runtime=$name
			start "$name" delete
			spent=$(time_of "${runtime[@]}" delete --force delete) || die "no delete with $name"
			printf '%s\t%s\n' "$name" "$spent" "beyond QEMU's, $name" "$(jq -n "$spent - $own")"
		done | sed 's/moat/template/'
	done | sample "delete --force" ms
	for name in template cold; do
		row delete "delete --force" "beyond QEMU's, $name" - 60
		row delete "delete --force" "$name" "bare QEMU's end" -
	done
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
	template moat
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
		bare_qemu "$stock_image" "$2" "$bytes"
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
	template moat
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

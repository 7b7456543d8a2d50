# shellcheck shell=bash disable=SC2154,SC2034 # variables are set and used across the parts
# SPDX-License-Identifier: Apache-2.0
#
# Part of bench.sh: memory. PSS (proportional set size) divides a page among the processes that have it mapped, so that sums
# count it once. Pages of a guest's memory (a memfd) that no process has mapped are in no PSS: they are listed by themselves.

idle=${BENCH_IDLE:-10}

# processes RUNTIME ID: lines "KIND PID" of a sandbox
processes()
{
	local monitor qemu pid

	monitor=$(json_of "$1" "$2" .monitor.pid)
	qemu=$(qemu_of "$1" "$2")
	printf '%s\n' "monitor $monitor" "stand-in $(json_of "$1" "$2" .standin.pid)" "QEMU $qemu"
	for pid in $(descendants "$monitor"); do
		[ "$pid" = "$qemu" ] || echo "virtiofsd $pid"
	done
}

# The pages that the guest's memory has, first and additional, of QEMU with PID, in KiB
guest_pages()
{
	local fd

	# A file may have several descriptors.
	for fd in "/proc/$1/fd"/*; do
		[[ ! $(readlink "$fd") =~ ^/memfd:(guest|memory-backend-memfd) ]] || stat -Lc "%i %b" "$fd"
	done | awk '{ blocks[$1] = $2 } END { if (!NR) exit 1; for (i in blocks) sum += blocks[i] / 2; print sum }' ||
		die "QEMU $1 has no file for the guest's memory"
}

# footprint RUNTIME ID...: lines "KIND<tab>MiB", of all these sandboxes together
footprint()
{
	local runtime=$1 id kind pid
	shift

	for id; do
		while read -r kind pid; do
			printf 'pss %s %s\n' "$kind" "$(awk '/^Pss:/ { print $2 }' "/proc/$pid/smaps_rollup")"
			[ "$kind" = QEMU ] && printf 'pages - %s\n' "$(guest_pages "$pid")"
			# Of that: what is mapped of the guest's memory, by QEMU and virtiofsd, and code that QEMU has translated (tcg)
			[[ $kind != QEMU && $kind != virtiofsd ]] || awk '
				/^[0-9a-f]+-/ { ram = /memfd:(guest|memory-backend-memfd)/; code = $2 == "rwxp" }
				/^Pss:/ && ram { mapped += $2 }
				/^Pss:/ && code { translated += $2 }
				END { print "mapped", "-", mapped + 0; print "translated", "-", translated + 0 }' "/proc/$pid/smaps"
		done < <(processes "$runtime" "$id")
	done | awk '
		$1 == "pss" { pss[$2] += $3; all += $3 }
		$1 == "pages" { pages += $3 }
		$1 == "mapped" { mapped += $3 }
		$1 == "translated" { translated += $3 }
		END {
			for (kind in pss)
				printf "%s\t%.2f\n", kind, pss[kind] / 1024
			printf "monitor and stand-in\t%.2f\n", (pss["monitor"] + pss["stand-in"]) / 1024
			printf "all processes\t%.2f\n", all / 1024
			printf "guest memory, mapped\t%.2f\n", mapped / 1024
			printf "QEMU, translated code\t%.2f\n", translated / 1024
			printf "guest memory, not mapped\t%.2f\n", (pages - mapped) / 1024
			printf "all, with not mapped\t%.2f\n", (all + pages - mapped) / 1024
		}'
}

FOOTPRINT=(monitor stand-in virtiofsd QEMU "QEMU, translated code" "guest memory, mapped" "all processes"
	"guest memory, not mapped" "all, with not mapped")

memory_once()
{
	local -n moat_of=$1

	start "$1" memory plain
	footprint "$1" memory
	"${moat_of[@]}" exec memory cat /proc/meminfo >"$work/meminfo"
	awk '{ v[$1] = $2 } END { printf "guest, in use\t%.2f\nguest, total\t%.2f\n",
		(v["MemTotal:"] - v["MemAvailable:"]) / 1024, v["MemTotal:"] / 1024 }' "$work/meminfo"
	"${moat_of[@]}" exec memory cat /proc/1/status >"$work/agent"
	awk '$1 == "Name:" { name = $2 } $1 == "VmRSS:" && name ~ /^(init|moat-agent)$/ {
		printf "guest, agent RSS\t%.2f\n", $2 / 1024 }' "$work/agent"
	stop "$1" memory
}

section_memory()
{
	local i subject name

	template moat
	for ((i = 0; i < runs; i++)); do
		memory_once moat | sample "memory, template" MiB
		memory_once cold | sample "memory, cold" MiB
	done
	printf 'initramfs\t%s\n' "$(stat -c %s "$stock_image/initramfs.cpio" | awk '{ printf "%.2f", $1 / 1048576 }')" |
		sample "memory, cold" MiB
	for name in template cold; do
		for subject in "${FOOTPRINT[@]}"; do
			row memory "memory, $name" "$subject" - -
		done
		row memory "memory, $name" "monitor and stand-in" - 6
		row memory "memory, $name" "guest, agent RSS" - 1
		row memory "memory, $name" "guest, in use" - -
		row memory "memory, $name" "guest, total" - -
	done
	row memory "memory, cold" initramfs - 6
}

shmem()
{
	awk '/^Shmem:/ { print $2 }' /proc/meminfo
}

# What the last of BENCH_IDLE sandboxes adds to the others. Their pages may still move: a moment to settle first.
section_marginal()
{
	local ids=() i subject before what="sandbox no. $idle"

	template moat
	for ((i = 1; i < idle; i++)); do
		start moat "idle$i"
		ids+=("idle$i")
	done
	for ((i = 0; i < runs; i++)); do
		sleep 1
		footprint moat "${ids[@]}" >"$work/before"
		before=$(shmem)
		start moat last
		sleep 1
		printf 'Shmem of the host\t%s\n' "$(jq -n "($(shmem) - $before) / 1024")"
		footprint moat "${ids[@]}" last >"$work/after"
		awk -F'\t' 'NR == FNR { was[$1] = $2; next } { printf "%s\t%.2f\n", $1, $2 - was[$1] }' "$work/before" "$work/after"
		stop moat last
	done | sample "$what" MiB
	for i in "${ids[@]}"; do
		stop moat "$i"
	done
	for subject in "${FOOTPRINT[@]}"; do
		row marginal "$what" "$subject" - "$([ "$subject" = "all processes" ] && echo 25 || echo -)"
	done
	# Of everybody: only on an idle machine is it the line above that.
	row marginal "$what" "Shmem of the host" - -
}

# fits IMAGE TEMPLATE MIB: busybox runs in that much
fits()
{
	local boot_timeout=20 rc=0

	configure small "$1" "$2" "default_memory = $3"
	[ "$2" = false ] || "${small[@]}" template create >/dev/null 2>&1 || return 1
	[ "$("${small[@]}" run --bundle "$work/busybox" small 2>/dev/null </dev/null)" -gt 0 ] 2>/dev/null || rc=1
	"${small[@]}" delete --force small
	[ "$rc" = 0 ] || "${small[@]}" template remove >/dev/null
	return $rc
}

# smallest IMAGE TEMPLATE: to 4 MiB, by bisection; then it has to go well BENCH_RUNS times
smallest()
{
	local low=28 high=128 middle i

	if ! fits "$1" "$2" $high; then
		say "busybox does not run in $high MiB: left out"
		return 0
	fi
	while ((high - low > 4)); do
		middle=$(((low + high) / 8 * 4))
		if fits "$1" "$2" $middle; then high=$middle; else low=$middle; fi
	done
	for ((i = 0; i < runs; i++)); do
		fits "$1" "$2" $high || {
			high=$((high + 4)) i=-1
			((high <= 128)) || return 0
		}
	done
	"${small[@]}" template remove >/dev/null
	echo $high
}

section_smallest()
{
	local image name template what mib

	for image in "$stock_image" ${tuned_image:+"$tuned_image"}; do
		name=$([ "$image" = "$stock_image" ] && echo "stock kernel" || echo "tuned kernel")
		for template in false true; do
			what="$name, $([ $template = true ] && echo template || echo cold)"
			mib=$(smallest "$image" $template)
			[ -z "$mib" ] || printf '%s\t%s\n' "$what" "$mib" | sample "guest memory for busybox" MiB
			row smallest "guest memory for busybox" "$what" - "$([ "$image" = "$stock_image" ] && echo 80 || echo 48)"
		done
	done
	[ -n "$tuned_image" ] || say "no tuned kernel (make guest-kernel): only the stock kernel was tried"
}

# shellcheck shell=bash disable=SC2154,SC2034 # variables are set and used across the parts
# SPDX-License-Identifier: Apache-2.0
#
# Part of bench.sh: containers that join the VM of another.

pods=${BENCH_PODS:-"1 4 16"}

# member N: the bundle of the Nth container of the pod
member()
{
	sleeper moat "pod$1"
	[ "$1" = 1 ] || bundle "moat-pod$1" '.process.args = ["sleep", "1000000"] | .annotations = {
		"io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.sandbox-id": "pod1"}'
}

# In MiB: the proportional memory of all host processes of the pod with that many containers
pod_pss()
{
	local i pid sum=0 pids

	pids=$(processes moat pod1 | cut -d' ' -f2)
	for ((i = 2; i <= $1; i++)); do
		pids+=" $(json_of moat "pod$i" .standin.pid)"
	done
	for pid in $pids; do
		sum=$((sum + $(awk '/^Pss:/ { print $2 }' "/proc/$pid/smaps_rollup")))
	done
	echo "$sum"
}

pod_once()
{
	local i before after start_time

	for ((i = 1; i <= $1; i++)); do
		before=0
		[ "$i" = 1 ] || [[ " $pods " != *" $i "* ]] || before=$(pod_pss $((i - 1)))
		start_time=$(now_us)
		start moat "pod$i"
		[[ " $pods " == *" $i "* ]] || continue
		printf 'no. %s\t%s\n' "$i" "$(ms_since "$start_time")" >>"$work/pod.start"
		after=$(pod_pss "$i")
		printf 'no. %s\t%s\n' "$i" "$(jq -n "($after - $before) / 1024")" >>"$work/pod.memory"
	done
}

# create of one more container, against exec in one that is there
pod_create()
{
	local -n runtime=moat

	bundle pod-more '.process.args = ["true"] | .annotations = {
		"io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.sandbox-id": "pod1"}'
	printf 'create in a sandbox\t%s\n' "$(time_of "${runtime[@]}" create --bundle "$work/pod-more" more)"
	stop moat more
	printf 'exec in it\t%s\n' "$(time_of "${runtime[@]}" exec pod1 /bin/true)"
}

section_pod()
{
	local i n most=0

	template moat
	for n in $pods; do
		((n <= most)) || most=$n
	done
	for ((i = 1; i <= most; i++)); do
		member "$i"
	done
	: >"$work/pod.start"
	: >"$work/pod.memory"
	: >"$work/pod.create"
	for ((n = 0; n < runs; n++)); do
		pod_once "$most"
		pod_create >>"$work/pod.create"
		for ((i = most; i > 0; i--)); do
			stop moat "pod$i"
		done
	done
	sample "start of a container in a pod" ms <"$work/pod.start"
	sample "memory of a container in a pod" MiB <"$work/pod.memory"
	sample "one more process" ms <"$work/pod.create"
	for n in $pods; do
		row pod "start of a container in a pod" "no. $n" "$([ "$n" = "${pods%% *}" ] && echo - || echo "no. ${pods%% *}")" -
	done
	for n in $pods; do
		row pod "memory of a container in a pod" "no. $n" - -
	done
	row pod "one more process" "create in a sandbox" "exec in it" -
}

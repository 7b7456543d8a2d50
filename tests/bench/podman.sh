# shellcheck shell=bash disable=SC2154,SC2034 # variables are set and used across the parts
# SPDX-License-Identifier: Apache-2.0
#
# Part of bench.sh: the whole of a `podman run`, with moat and with crun in the same place.
#
# Podman has storage, locks and configuration of its own in $state/podman, and no network: CNI's part is the same with both.
# It runs in mount namespaces of its own, so that nothing stays mounted, and without sight of cgroup v2 on a host with both
# versions, where crun does not start anything.

# A runtime is a script, which gives it its root and, if there is a file for that (nothing of the environment gets there), notes
# when it was called and when that was over.
podman_runtime()
{
	local -n runtime=$1

	cat >"$state/podman/$1" <<-END
		#!/bin/bash
		[ -e "$state/podman/trace" ] || exec ${runtime[*]@Q} "\$@"
		began=\$EPOCHREALTIME status=0
		${runtime[*]@Q} "\$@" || status=\$?
		for word; do
			[[ " create start delete " != *" \$word "* ]] || break
		done
		echo "\$word \$began \$EPOCHREALTIME" >>"$state/podman/trace"
		exit \$status
	END
	chmod 755 "$state/podman/$1"
}

podman_setup()
{
	local dir=$state/podman

	mkdir -p "$dir/net"
	# Limits that podman sets by itself may be more than what this process may set.
	cat >"$dir/containers.conf" <<-END
		[containers]
		default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
		[engine]
		cgroup_manager = "cgroupfs"
		events_logger = "none"
		lock_type = "file"
		tmp_dir = "$dir/tmp"
		[network]
		network_config_dir = "$dir/net"
	END
	printf '[storage]\ndriver = "overlay"\ngraphroot = "%s"\nrunroot = "%s"\n' "$dir/storage" "$dir/run" >"$dir/storage.conf"
	podman_run=(env "CONTAINERS_CONF=$dir/containers.conf" "CONTAINERS_STORAGE_CONF=$dir/storage.conf"
		unshare --mount sh -c 'umount /sys/fs/cgroup/unified 2>/dev/null; exec "$@"' sh podman)
	podman_runtime moat
	podman_runtime crun
	tar -C "$work/true/rootfs" -c . | "${podman_run[@]}" import --quiet - bench >/dev/null || die "podman does not import an image"
}

# podman_command RUNTIME: sets command.
podman_command()
{
	command=("${podman_run[@]}" --runtime "$state/podman/$1" run --rm --network none --log-driver none
		--cgroup-parent "${BENCH_CGROUP:-}/${work##*/}-podman" bench /bin/true)
}

# Steps of one run: from lines "VERB BEGAN ENDED" and when podman itself began and ended
podman_steps()
{
	local command began i

	podman_command "$1"
	for ((i = 0; i < runs; i++)); do
		: >"$state/podman/trace"
		began=$EPOCHREALTIME
		"${command[@]}" || die "podman does not run /bin/true with $1"
		awk -v began="$began" -v ended="$EPOCHREALTIME" '
			function step(name, at) { printf "%s\t%.3f\n", name, (at - began) * 1000 }
			{ step("podman calls " $1, $2); step($1 " is done", $3) }
			END { step("podman run has ended", ended) }' "$state/podman/trace"
	done | sample "timeline podman run with $1" ms
}

section_podman()
{
	local command args

	have podman && have conmon && have crun || return 0
	template moat
	podman_setup
	podman_command moat
	args=(moat "${command[@]}" "$and")
	podman_command crun
	"$tools/measure" "$runs" "${args[@]}" crun "${command[@]}" | sample "podman run /bin/true" ms
	row podman "podman run /bin/true" moat crun -
	podman_steps moat
	podman_steps crun
}

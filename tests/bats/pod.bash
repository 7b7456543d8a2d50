# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Pods: a sandbox $SB and containers that join it, setup() and teardown() among it. "load helpers" comes first.

setup()
{
	begin
	SB=$CT-sb
	SHM=$T/shm
	mkdir "$SHM"
	mount -t tmpfs -o size=1m,mode=1777 shm "$SHM"
}

teardown()
{
	local bad=0
	umount -l "$SHM"
	finish || bad=1
	# what a test that failed has left
	local image
	for image in "$T"/*.img; do
		free_loops "$image" || bad=1
	done
	ip netns del "moat-pod-$$" 2>/dev/null || true
	return $bad
}

# bundle ID: $B is its own from then on; it has nothing but sleep to run
bundle()
{
	make_bundle "$T/bundle-$1"
	args sleep 1000
	edit '.root.readonly = false'
}

annotate()
{
	edit '.annotations += {($ARGS.positional[0]): $ARGS.positional[1]}' --args -- "$@"
}

shm()
{
	edit '.mounts |= map(select(.destination != "/dev/shm")) + [{destination: "/dev/shm", type: "bind",
		source: $ARGS.positional[0], options: ["rbind", "rw"]}]' --args -- "$SHM"
}

# share TYPE[=PATH]...: namespaces by path, the sandbox's if it is not said
share_ns()
{
	local ns path
	for ns; do
		path=/proc/$(pid_of "$SB")/ns/${ns%%=*}
		[[ $ns != *=* ]] || path=${ns#*=}
		edit '(.linux.namespaces[] | select(.type[:3] == $ARGS.positional[0])).path = $ARGS.positional[1]' \
			--args -- "${ns%%=*}" "$path"
	done
}

# sandbox_bundle, member_bundle ID: as containerd's CRI plugin writes them
sandbox_bundle()
{
	bundle "$SB"
	annotate io.kubernetes.cri.container-type sandbox
	annotate io.kubernetes.cri.sandbox-id "$SB"
	shm
	edit '.hostname = "podhost"'
}

member_bundle()
{
	bundle "$1"
	annotate io.kubernetes.cri.container-type container
	annotate io.kubernetes.cri.sandbox-id "$SB"
	share_ns net ipc uts
	shm
	edit 'del(.hostname)'
}

sandbox()
{
	sandbox_bundle
	ok run --detach --bundle "$B" "$SB"
	MONITOR=$(jq .monitor.pid "$ROOT/$SB/state.json")
}

member()
{
	member_bundle "$1"
	ok run --detach --bundle "$B" "$1"
}

# in_guest ID TYPE: a namespace of the guest
in_guest()
{
	cli exec "$1" readlink "/proc/self/ns/$2"
}

# nothing_of ID: in the share of the sandbox, and among what its file server has open
nothing_of()
{
	[ ! -e "/proc/$MONITOR/root/share/$1" ]
	lacks "$(cat "/proc/$MONITOR/mountinfo")" "/share/$1/"
	local pid
	while read -r pid; do
		lacks "$(cat "/proc/$pid/mountinfo")" " /$1/"
		lacks "$(find "/proc/$pid/fd" -printf '%l\n')" "/$1/"
	done < <(descendants "$MONITOR" virtiofsd)
}

# descendants PID NAME
descendants()
{
	local pid
	for pid in $(cat "/proc/$1/task/$1/children"); do
		[ "$(cat "/proc/$pid/comm")" != "$2" ] || echo "$pid"
		descendants "$pid" "$2"
	done
}

# plugged [FILE]: how many descriptors the sandbox's QEMU has of it; without, of the loop device
plugged()
{
	find "/proc/$(descendants "$MONITOR" qemu-system-x86)/fd" -lname "${1:-$LOOP}" | wc -l
}

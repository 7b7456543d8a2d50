#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A pod as CRI-O runs one: namespaces pinned to files, every container under a conmon of its own, exec through another one,
# and the runtime called directly for everything else. The calls are CRI-O's (internal/oci/runtime_oci.go).
# bats file_tags=moat

load helpers

setup()
{
	requires conmon unshare
	begin
	SB=$CT-sb
	mkdir "$T/exits" "$T/ns"
	pin_namespaces
	mkdir "$T/shm"
	mount -t tmpfs -o size=1m,mode=1777 shm "$T/shm"
}

teardown()
{
	umount -l "$T/shm" "$T/ns"
	finish
}

# What CRI-O's pinns makes
pin_namespaces()
{
	mount --bind "$T/ns" "$T/ns"
	mount --make-private "$T/ns"
	touch "$T/ns/uts" "$T/ns/ipc" "$T/ns/net"
	unshare --uts="$T/ns/uts" --ipc="$T/ns/ipc" --net="$T/ns/net" hostname podhost
}

# bundle ID TYPE SCRIPT
bundle()
{
	make_bundle "$T/bundle-$1"
	script "$3"
	edit '.annotations = {"io.kubernetes.cri-o.ContainerType": $type, "io.kubernetes.cri-o.SandboxID": $sb} |
		.hostname = "podhost" | .linux.namespaces |= map(
			if .type == "network" then .path = $ns + "/net"
			elif .type == "uts" or .type == "ipc" then .path = $ns + "/" + .type else . end) |
		.mounts |= map(select(.destination != "/dev/shm")) + [{destination: "/dev/shm", type: "bind", source: $shm,
			options: ["rw", "bind"]}]' --arg type "$2" --arg sb "$SB" --arg ns "$T/ns" --arg shm "$T/shm"
}

# conmon_ ID ARG...: in the way of CRI-O
conmon_()
{
	local id=$1
	shift
	CRI_O_EXTERNAL=1 conmon -b "$T/bundle-$id" -c "$id" -n "k8s_$id" -u "$id" -r "$BIN" --runtime-arg "--root=$ROOT" \
		--runtime-arg "--config=$CONFIG" --socket-dir-path "$T" --log-level info "$@" 3>&-
}

create()
{
	rm -f "$T/exits/$1" "$T/bundle-$1/pidfile"
	conmon_ "$1" --exit-dir "$T/exits" --persist-dir "$T/bundle-$1" -l "$T/$1.log" -P "$T/bundle-$1/conmon-pidfile" \
		-p "$T/bundle-$1/pidfile"
	within 60 test -s "$T/bundle-$1/pidfile"
	is "$(pid_of "$1")" "$(cat "$T/bundle-$1/pidfile")"
}

# exec_sync ID WORD...: sets output
exec_sync()
{
	local id=$1
	shift
	jq '.process | .args = $ARGS.positional' "$T/bundle-$id/config.json" --args -- "$@" >"$T/process.json"
	rm -f "$T/exec.log" "$T/exec.pid"
	conmon_ "$id" -e --exec-process-spec "$T/process.json" -l "$T/exec.log" -p "$T/exec.pid" --sync
	output=$(sed 's/^[^ ]* std[a-z]* F //' "$T/exec.log")
}

# ended ID CODE: what conmon says
ended()
{
	within 60 test -e "$T/exits/$1"
	is "$(cat "$T/exits/$1")" "$2"
}

@test "crio: a pod with two containers through conmon" {
	bundle "$SB" sandbox 'trap "exit 0" TERM; while :; do sleep 1; done'
	create "$SB"
	ok start "$SB"
	exec_sync "$SB" hostname
	is "$output" podhost
	bundle a container 'echo hello of a; echo and its error >&2; trap "exit 7" TERM; while :; do sleep 0.1; done'
	create a
	ok start a
	bundle b container 'sleep 1000'
	create b
	has_status created b
	ok start b
	is "$(jq .monitor.pid "$ROOT"/{"$SB",a,b}/state.json | uniq | wc -l)" 1

	# what CRI-O reads of the state
	ok state a
	is "$(jq -r '[.status, (.pid | type), (.created | type)] | join(" ")' <<<"$output")" "running number string"
	# the log, in CRI's format
	within 20 grep -q 'stdout F hello of a' "$T/a.log"
	within 20 grep -q 'stderr F and its error' "$T/a.log"
	exec_sync a hostname
	is "$output" podhost
	exec_sync "$SB" hostname
	is "$output" podhost
	exec_sync a sh -c 'echo seen >/dev/shm/x; readlink /proc/self/ns/ipc'
	local ipc=$output
	exec_sync b sh -c 'cat /dev/shm/x; readlink /proc/self/ns/ipc'
	is "$output" "seen"$'\n'"$ipc"
	# streaming: attached, without a pid file
	jq '.process | .args = ["cat"]' "$T/bundle-b/config.json" >"$T/process.json"
	is "$(echo through | "$BIN" --root "$ROOT" exec --process "$T/process.json" b 3>&-)" through

	# StopContainer, and the container again
	ok kill a 15
	ended a 7
	has_status stopped a
	ok delete --force a
	create a
	ok start a
	within 20 eval '[ "$(grep -c "hello of a" "$T/a.log")" = 2 ]'
	ok kill a KILL
	ended a 137
	ok kill --all a 9
	ok delete --force a
	printf '%s' '{"pids":{"limit":50}}' | try "$BIN" --root "$ROOT" update --resources - b
	is "$status" 0
	has_status running b

	# StopPodSandbox
	ok kill "$SB" 15
	ended "$SB" 0
	ended b 137
	has_status stopped b
	ok delete --force b
	ok delete --force "$SB"
}

@test "crio: without the sandbox that CRI-O left out, the message says what there is to do" {
	bundle a container true
	ko 1 create --bundle "$B" a
	has "$stderr" "cannot join sandbox '$SB' of annotation io.kubernetes.cri-o.SandboxID" "drop_infra_ctr"
}

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# bats file_tags=moat
#
# State that is damaged, from another boot, or that somebody else holds: said, and cleared by delete --force

load helpers

# left_over [JQ-FILTER]: the directory of a container whose processes are long gone
left_over()
{
	if [ ! -d "$T/kept" ]; then
		args sleep 1000
		ok create --bundle "$B" "$CT"
		mkdir "$T/kept"
		cp "$ROOT/$CT/state.json" "$ROOT/$CT/config.json" "$T/kept"
		ok delete --force "$CT"
	fi
	rm -rf "${ROOT:?}/$CT"
	mkdir -m 700 "$ROOT/$CT"
	cp "$T/kept/config.json" "$ROOT/$CT/config.json"
	jq "${1:-.}" "$T/kept/state.json" >"$ROOT/$CT/state.json"
}

@test "stale: processes that are gone" {
	left_over '.phase = "running"'
	has_status stopped
	is "$(pid_of)" 0
	ok list
	has "$output" "$CT" stopped
	ko 1 kill "$CT" KILL
	message "container not running"
	ok delete "$CT"
	[ ! -e "$ROOT/$CT" ]
}

@test "stale: half-made" {
	left_over '.phase = "creating" | .monitor = {pid: 0, start: 0} | .standin = {pid: 0, start: 0}'
	has_status stopped
	ko 1 create --bundle "$B" "$CT"
	message "moat create failed: container with given ID already exists"
	ok delete "$CT"
	mkdir "$ROOT/$CT"
	ko 1 state "$CT"
	has "$stderr" "$CT" half-made
	ko 1 start "$CT"
	ok list -q
	is "$output" ""
	ok delete --force "$CT"
	[ ! -e "$ROOT/$CT" ]
}

@test "stale: pids that others have now are left alone" {
	local start filter
	background sleep 1000
	start=$(cut -d' ' -f22 "/proc/$PID/stat")
	for filter in ".boot_id = \"00000000-0000-0000-0000-000000000000\" | .start_ = $start" ".start_ = $((start - 1))" ".start_ = 0"; do
		left_over "$filter | .phase = \"running\" | .monitor = {pid: $PID, start: .start_} | .standin = .monitor | del(.start_)"
		has_status stopped
		ko 1 kill "$CT" KILL
		ko 255 exec "$CT" true
		ok list
		ok delete --force "$CT"
		[ ! -e "$ROOT/$CT" ]
		kill -0 "$PID"
	done
}

@test "stale: cgroups of the record are removed, nothing else is" {
	local dir
	dir=$(find /sys/fs/cgroup -mindepth 1 -maxdepth 2 -name cgroup.procs -printf '%h\n' | head -n 1)/$SUITE-left
	mkdir "$dir"
	left_over
	echo "$dir" >"$ROOT/$CT/cgroups"
	ok delete --force "$CT"
	[ ! -e "$dir" ]
	mkdir "$T/precious"
	left_over
	echo "$T/precious" >"$ROOT/$CT/cgroups"
	rt delete --force "$CT"
	[ -d "$T/precious" ]
	rm -rf "${ROOT:?}/$CT"
}

@test "stale: a damaged record" {
	local text kind
	left_over
	text=$(cat "$ROOT/$CT/state.json")
	for kind in empty garbage half null array version type missing-key negative huge directory symlink fifo device unreadable; do
		rm -rf "$ROOT/$CT/state.json"
		case $kind in
		empty) : >"$ROOT/$CT/state.json" ;;
		garbage) head -c 1000 /dev/urandom >"$ROOT/$CT/state.json" ;;
		half) printf '%s' "${text:0:100}" >"$ROOT/$CT/state.json" ;;
		null) echo null >"$ROOT/$CT/state.json" ;;
		array) echo '[]' >"$ROOT/$CT/state.json" ;;
		version) jq '.version = 999' <<<"$text" >"$ROOT/$CT/state.json" ;;
		type) jq '.monitor = "x"' <<<"$text" >"$ROOT/$CT/state.json" ;;
		missing-key) jq 'del(.boot_id)' <<<"$text" >"$ROOT/$CT/state.json" ;;
		negative) jq '.standin.pid = -1' <<<"$text" >"$ROOT/$CT/state.json" ;;
		huge) truncate -s 1G "$ROOT/$CT/state.json" ;;
		directory) mkdir "$ROOT/$CT/state.json" ;;
		symlink) ln -s state.json "$ROOT/$CT/state.json" ;;
		fifo) mkfifo "$ROOT/$CT/state.json" ;;
		device) mknod "$ROOT/$CT/state.json" c 1 5 ;;
		unreadable) ln -s /nonexistent "$ROOT/$CT/state.json" ;;
		esac
		echo "--- $kind"
		LIMIT=20 ko 1 state "$CT"
		is "$(grep -c level=error <<<"$stderr")" 1
		LIMIT=20 ok list -q
		is "$output" ""
		LIMIT=20 ko 1 start "$CT"
		LIMIT=20 ko 1 kill "$CT" KILL
		LIMIT=20 ko 255 exec "$CT" true
		LIMIT=20 ko 1 create --bundle "$B" "$CT"
		LIMIT=20 ok delete --force "$CT"
		[ ! -e "$ROOT/$CT" ]
		mkdir "$ROOT/$CT"
	done
	rmdir "$ROOT/$CT"
}

@test "stale: a record that was damaged while the container runs" {
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	echo '{' >"$ROOT/$CT/state.json"
	ko 1 state "$CT"
	ok delete --force "$CT"
	[ ! -e "$ROOT/$CT" ]
	within 10 nothing_new "$T/host.before"
}

@test "stale: other files in the state directory" {
	left_over
	touch "$ROOT/$CT/.state.json.tmp1" "$ROOT/$CT/state.json.new"
	mkdir -p "$ROOT/$CT/a/b" "$T/outside"
	touch "$T/outside/file"
	ln -s "$T/outside" "$ROOT/$CT/link"
	has_status stopped
	ok delete "$CT"
	[ -e "$T/outside/file" ]
	# A directory that is a link is no container, and what it points to is none of ours.
	ln -s "$T/outside" "$ROOT/$CT"
	ko 1 state "$CT"
	ok list -q
	is "$output" ""
	rt delete --force "$CT"
	[ -e "$T/outside/file" ]
	rm -f "$ROOT/$CT"
}

@test "stale: a lock that somebody holds" {
	requires flock
	args sleep 1000
	ok create --bundle "$B" "$CT"
	background flock "$ROOT/$CT" sleep 1000
	within 10 not flock --nonblock "$ROOT/$CT" true
	LIMIT=60 ko 1 start "$CT"
	message "container '$CT' is in use by another command"
	LIMIT=5 has_status created
	LIMIT=5 ok list -q
	is "$output" "$CT"
	LIMIT=60 rt delete --force "$CT"
	kill -KILL "$PID"
	pkill -P "$PID" || true
	# flock's child inherited it.
	find /proc -maxdepth 3 -path '/proc/[0-9]*/fd/*' -lname "$ROOT/$CT" -printf '%h\n' 2>/dev/null | sed 's,/proc/\([0-9]*\)/fd,\1,' | sort -u |
		while read -r pid; do kill -KILL "$pid"; done
	ok delete --force "$CT"
}

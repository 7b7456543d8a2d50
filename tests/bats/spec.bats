#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0

load helpers

@test "spec: writes what runc writes" {
	rm "$B/config.json"
	try "$BIN" spec --bundle "$B"
	[ "$status" = 0 ]
	is "$output$stderr" ""
	is "$(jq -c '.process | [.terminal, .user, .args, .cwd, .noNewPrivileges, .rlimits]' "$B/config.json")" \
		'[true,{"uid":0,"gid":0},["sh"],"/",true,[{"type":"RLIMIT_NOFILE","hard":1024,"soft":1024}]]'
	is "$(jq -c '.process.env' "$B/config.json")" \
		'["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin","TERM=xterm"]'
	is "$(jq -c '.process.capabilities | keys, (map(.) | unique)' "$B/config.json")" \
		'["ambient","bounding","effective","permitted"]
[["CAP_AUDIT_WRITE","CAP_KILL","CAP_NET_BIND_SERVICE"]]'
	is "$(jq -c '.root, .hostname' "$B/config.json")" "{\"path\":\"rootfs\",\"readonly\":true}
\"$RUNTIME\""
	is "$(jq -r '.mounts[] | .destination + " " + .type + " " + .source + " " + (.options // [] | join(","))' "$B/config.json")" \
		'/proc proc proc 
/dev tmpfs tmpfs nosuid,strictatime,mode=755,size=65536k
/dev/pts devpts devpts nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5
/dev/shm tmpfs shm nosuid,noexec,nodev,mode=1777,size=65536k
/dev/mqueue mqueue mqueue nosuid,noexec,nodev
/sys sysfs sysfs nosuid,noexec,nodev,ro
/sys/fs/cgroup cgroup cgroup nosuid,noexec,nodev,relatime,ro'
	is "$(jq -r '[.linux.namespaces[].type] - ["cgroup"] | sort | join(" ")' "$B/config.json")" "ipc mount network pid uts"
	is "$(jq -r '.linux.maskedPaths + .linux.readonlyPaths | join(" ")' "$B/config.json")" \
		"/proc/acpi /proc/asound /proc/kcore /proc/keys /proc/latency_stats /proc/timer_list /proc/timer_stats /proc/sched_debug \
/sys/firmware /proc/scsi /proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger"
	is "$(stat -c %a "$B/config.json")" 644
}

@test "spec: into the current directory" {
	mkdir "$T/here"
	cd "$T/here"
	try "$BIN" spec
	[ "$status" = 0 ]
	jq -e .ociVersion config.json
}

@test "spec: does not replace a file" {
	echo precious >"$B/config.json"
	try "$BIN" spec -b "$B"
	[ "$status" = 1 ]
	message "File config.json exists. Remove it first"
	is "$(cat "$B/config.json")" precious
}

# bats test_tags=moat
@test "spec: does not follow a symbolic link" {
	ln -sf "$T/elsewhere" "$B/config.json"
	try "$BIN" spec --bundle "$B"
	[ "$status" = 1 ]
	message "File config.json exists. Remove it first"
	[ ! -e "$T/elsewhere" ]
}

@test "spec: needs a directory" {
	try "$BIN" spec --bundle "$T/nowhere"
	[ "$status" = 1 ]
	has "$stderr" "$T/nowhere" "no such file or directory"
	try "$BIN" spec --no-such-flag
	[ "$status" != 0 ]
	has "$output$stderr" "flag provided but not defined: -no-such-flag"
}

@test "spec: its config.json runs as it is" {
	rm "$B/config.json"
	try "$BIN" spec --bundle "$B"
	[ "$status" = 0 ]
	cp "$B/config.json" "$T/before"
	in_terminal "$BIN" "${OPTIONS[@]}" --root "$ROOT" run --bundle "$B" "$CT" <<<'echo $((40 + 2)) $PWD; tty; exit 7'
	[ "$status" = 7 ]
	has "$output" $'\n42 /\r\n' /dev/pts/0
	cmp "$T/before" "$B/config.json"
}

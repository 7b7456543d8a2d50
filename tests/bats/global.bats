#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Global options, the command line itself, and what a caller's environment may be like

load helpers

# ---- version and help ----

@test "global: --version" {
	local flag
	for flag in --version -v -version; do
		try "$BIN" $flag
		[ "$status" = 0 ]
		is "$stderr" ""
		grep -qE "^$RUNTIME version [0-9]" <<<"$(head -n 1 <<<"$output")"
		grep -q "^commit: " <<<"$output"
		grep -qE "^spec: 1\." <<<"$output"
	done
}

@test "global: help" {
	local args
	for args in "" --help -h help; do
		# shellcheck disable=SC2086
		try "$BIN" $args
		[ "$status" = 0 ]
		is "$stderr" ""
		has "$output" USAGE: COMMANDS: "GLOBAL OPTIONS:" --root --log-format
		local command
		for command in create delete exec kill list run spec start state; do
			grep -qE "^   $command +[a-z]" <<<"$output"
		done
	done
}

@test "global: help of a command" {
	local command
	for command in create delete exec kill list run spec start state; do
		try "$BIN" $command --help
		[ "$status" = 0 ]
		has "$output" "$RUNTIME $command - " USAGE:
		try "$BIN" help $command
		[ "$status" = 0 ]
		has "$output" "$RUNTIME $command - "
	done
	try "$BIN" help nonsense
	[ "$status" != 0 ]
	has "$output$stderr" "No help topic for 'nonsense'"
}

@test "global: unknown command and flags" {
	try "$BIN" bogus
	[ "$status" = 3 ]
	has "$stderr" 'level=error msg="No help topic for '"'bogus'"
	try "$BIN" --bogus
	[ "$status" = 1 ]
	message "flag provided but not defined: -bogus"
	has "$output" "Incorrect Usage"
	try "$BIN" create --bogus x
	[ "$status" = 1 ]
	message "flag provided but not defined: -bogus"
	try "$BIN" --root
	[ "$status" = 1 ]
	message "flag needs an argument: -root"
	try "$BIN" kill
	[ "$status" = 1 ]
	has "$stderr" '\"kill\" requires a minimum of 1 argument(s)'
	has "$output" "Incorrect Usage." "$RUNTIME kill - "
	try "$BIN" create a b
	[ "$status" = 1 ]
	has "$stderr" '\"create\" requires exactly 1 argument(s)'
	try "$BIN" state
	[ "$status" = 1 ]
	has "$stderr" '\"state\" requires exactly 1 argument(s)'
}

# ---- log ----

@test "global: errors go to standard error as a record" {
	ko 1 state nope
	is "$output" ""
	grep -qxE 'time="20[0-9-]+T[0-9:]+Z" level=error msg="container does not exist"' <<<"$stderr"
	[ "$(wc -l <<<"$stderr")" = 1 ]
}

@test "global: --log gets the record, standard error the bare message" {
	ko 1 --log "$T/log" --log-format json state nope
	is "$stderr" "container does not exist"
	is "$(jq -c '[.level, .msg]' "$T/log")" '["error","container does not exist"]'
	jq -e '.time | test("^20[0-9-]+T[0-9:]+Z$")' "$T/log"
	ko 1 --log="$T/log" --log-format=json state nope
	is "$(wc -l <"$T/log")" 2
	ko 1 --log "$T/text" state nope
	is "$stderr" "container does not exist"
	grep -qxE 'time="20[0-9-]+T[0-9:]+Z" level=error msg="container does not exist"' "$T/text"
	ko 1 --log-format json state nope
	is "$(jq -r .msg <<<"$stderr")" "container does not exist"
}

@test "global: the log exists even if there is nothing to say" {
	ok --log "$T/log" --log-format json list
	[ -e "$T/log" ]
	is "$(cat "$T/log")" ""
}

@test "global: a log that cannot be" {
	ko 1 --log "$T/no/where" state nope
	has "$stderr" "$T/no/where" "no such file or directory"
	ko 1 --log-format yaml state nope
	has "$stderr" "log-format" yaml
}

# bats test_tags=moat
@test "global: messages are escaped, and stay one line" {
	ko 1 --log "$T/log" --log-format json create --bundle $'/x\n"y\\\e[31m\x01ä\xff' "$CT"
	is "$(wc -l <"$T/log")" 1
	jq -e '.msg | contains("/x\n\"y\\\u001b[31m\u0001ä")' "$T/log"
	ko 1 create --bundle $'/x\n\e[31m' "$CT"
	is "$(wc -l <<<"$stderr")" 1
	lacks "$stderr" $'\e'
}

# bats test_tags=moat
@test "global: --debug" {
	ok --debug --log "$T/log" --log-format json run --bundle "$B" "$CT"
	is "$output$stderr" ""
	jq -se 'map(.level) | index("debug") or index("info")' "$T/log"
	# Each line of the log is one object.
	jq -se 'length == '"$(wc -l <"$T/log")" "$T/log"
}

# ---- root ----

@test "global: the state directory is private" {
	args sleep 1000
	(umask 0 && ok create --bundle "$B" "$CT")
	is "$(stat -c %a "$ROOT" "$ROOT/$CT" | tr '\n' ' ' | sed 's/711/700/g')" "700 700 "
	[ "$RUNTIME" != moat ] || is "$(find "$ROOT" -perm /077 -printf '%p %m\n')" ""
	(umask 0777 && ok exec "$CT" true)
	ok delete "$CT"
}

@test "global: a root and an id as long as containerd's, and longer" {
	local id
	id=$(printf '%064d' 7 | tr 0 c)
	ROOT=$T/run/containerd/runc/k8s.io-and-much-longer-than-that-so-that-no-socket-address-has-room-for-it/x
	give_templates "$ROOT"
	args sleep 1000
	ok run --detach --bundle "$B" "$id"
	ok exec "$id" cat /etc/container
	is "$output" "the file of the container"
	ok kill "$id" KILL
	within 60 has_status stopped "$id"
	ok delete "$id"
	ROOT=$ROOT/$(printf '%0200d/%0200d/%0200d' 1 2 3)
	give_templates "$ROOT"
	ok run --bundle "$B" --detach "$id"
	ok delete --force "$id"
}

@test "global: a relative root" {
	cd "$T"
	args sleep 1000
	ROOT=some/root
	give_templates "$ROOT"
	ok run --detach --bundle "$B" "$CT"
	cd /
	ROOT=$T/some/root
	has_status running
	ok delete --force "$CT"
}

# bats test_tags=moat
@test "global: /run/moat is the default" {
	# In a mount namespace whose /run is empty
	settings
	try unshare --mount --propagation private sh -ec 'mount -t tmpfs tmpfs /run; "$1" --config "$4" run --bundle "$2" "$3"
			"$1" --config "$4" create --bundle "$2" "$3"; ls /run/moat; stat -c %a /run/moat; "$1" delete --force "$3"; ls -A /run/moat' \
		sh "$BIN" "$B" "$CT" "$T/configuration.toml"
	[ "$status" = 0 ]
	is "$output" "$CT
700"
}

# bats test_tags=moat
@test "global: roots that are none" {
	touch "$T/file"
	ROOT=$T/file ko 1 list
	has "$stderr" "$T/file"
	ROOT=$T/file ko 1 create --bundle "$B" "$CT"
	has "$stderr" --root "$T/file"
	ROOT='' ko 1 create --bundle "$B" "$CT"
	has "$stderr" "--root must not be empty"
	is "$(cat "$T/file")" ""
	ROOT=/proc/nowhere/here ko 1 create --bundle "$B" "$CT"
	has "$stderr" --root /proc/nowhere
}

# ---- what runc's callers also say ----

# bats test_tags=moat
@test "global: --rootless is accepted, --systemd-cgroup where systemd runs" {
	ok --rootless auto run --bundle "$B" "$CT"
	ok --rootless=true --debug=false --systemd-cgroup=false list
	[ ! -e /run/systemd/system ] || skip "this host runs systemd"
	ko 1 --systemd-cgroup create --bundle "$B" "$CT"
	message "moat create failed: --systemd-cgroup: this host does not run systemd; without the option cgroups are made directly"
	ko 1 state "$CT"
}

# bats test_tags=moat
@test "global: --no-pivot, --no-new-keyring, --preserve-fds, --no-subreaper" {
	ok run --no-pivot --no-new-keyring --no-subreaper --preserve-fds 0 --bundle "$B" "$CT"
	args sh -c 'cat <&3; echo out >&4'
	echo in >"$T/in"
	try sh -c 'exec "$@" 3<"$0/in" 4>"$0/out"' "$T" "$BIN" "${OPTIONS[@]}" --root "$ROOT" run --preserve-fds 2 --bundle "$B" "$CT"
	is "$status $output $(cat "$T/out")" "0 in out"
	ko 1 run --preserve-fds x --bundle "$B" "$CT"
	has "$stderr" preserve-fds
}

# ---- the caller's environment ----

@test "global: an empty environment" {
	args sleep 1000
	# As podman: neither PATH nor HOME
	try env -i XDG_RUNTIME_DIR= "$BIN" "${OPTIONS[@]}" --root "$ROOT" run --detach --bundle "$B" "$CT"
	[ "$status" = 0 ]
	try env -i "$BIN" --root "$ROOT" exec "$CT" sh -c 'echo $PATH'
	[ "$status" = 0 ]
	is "$output" "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	try env -i "$BIN" --root "$ROOT" delete --force "$CT"
	[ "$status" = 0 ]
}

# bats test_tags=moat
@test "global: nothing of the caller's environment arrives" {
	script 'env | sort; cat /proc/self/status | grep -E "^Sig(Blk|Ign)"; ls /proc/self/fd | tr "\n" " "; echo; cat /proc/self/oom_score_adj; umask'
	# Signals blocked and ignored, descriptors left open, a library path into the bundle, another umask, a score
	(
		trap '' PIPE HUP
		umask 0
		cd "$B" && LD_LIBRARY_PATH=: SECRET=x LISTEN_FDS=3 NOTIFY_SOCKET=/x try "$BIN" "${OPTIONS[@]}" --root "$ROOT" run "$CT" 5</etc/passwd 6>"$T/other"
		printf '%s\n' "$output" "$stderr" >"$T/result"
	)
	is "$(cat "$T/result")" "HOME=/root
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
PWD=/
SHLVL=1
TERM=xterm
SigBlk:	0000000000000000
SigIgn:	0000000000000000
0 1 2 3 
0
0022"
}

# bats test_tags=moat
@test "global: little limits of the caller" {
	args echo fine
	# The Rust virtiofsd wants 610, and only CAP_SYS_RESOURCE can raise the other limit.
	(ulimit -n 1024 && ulimit -S -n 64 && ok run --bundle "$B" "$CT" && is "$output" fine)
	(ulimit -c 0 && ulimit -s 256 && ok run --bundle "$B" "$CT" && is "$output" fine)
}

# bats test_tags=moat
@test "global: the current directory is gone" {
	mkdir "$T/gone"
	cd "$T/gone"
	rmdir "$T/gone"
	args echo fine
	ok run --bundle "$B" "$CT"
	is "$output" fine
	ko 1 run "$CT"
	is "$(grep -c level=error <<<"$stderr")" 1
}

# bats test_tags=moat
@test "global: not root" {
	requires setpriv
	chmod 755 "$T" "$B"
	rm -rf "$ROOT"
	try setpriv --reuid 65534 --regid 65534 --clear-groups "$BIN" --root "$T/root" create --bundle "$B" "$CT"
	[ "$status" = 1 ]
	is "$(grep -c level=error <<<"$stderr")" 1
	[ ! -e "$T/root" ]
}

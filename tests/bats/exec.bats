#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# exec, in one container for all tests

load helpers

setup_file()
{
	shared_container 'while :; do sleep 1000; done' '.root.readonly = false | .hostname = "shared"
		| .process.env += ["FROM=container"] | .process.noNewPrivileges = false'
}

teardown_file()
{
	shared_delete
}

setup()
{
	share
}

teardown()
{
	unshare_
}

@test "exec: stdin, stdout, stderr and exit code" {
	ko 42 exec "$CT" sh -c 'cat; echo err >&2; exit 42' <<<"in"
	is "$output" in
	is "$stderr" err
}

@test "exec: every kind of exit code" {
	local code
	for code in 0 1 2 126 127 128 137 254 255; do
		ko $code exec "$CT" sh -c "exit $code"
		is "$output$stderr" ""
	done
}

@test "exec: 128 + n after a signal" {
	local sig
	for sig in 1 2 6 9 11 13 15 31 34 64; do
		ko $((128 + sig)) exec "$CT" sh -c "kill -$sig \$\$"
		is "$output$stderr" ""
	done
}

@test "exec: what cannot be executed" {
	ko 255 exec "$CT" /nonexistent
	message 'exec failed: unable to start container process: exec: "/nonexistent": stat /nonexistent: no such file or directory'
	ko 255 exec "$CT" nonexistent
	message 'exec failed: unable to start container process: exec: "nonexistent": executable file not found in $PATH'
	ko 255 exec "$CT" /etc/passwd
	message 'exec failed: unable to start container process: exec: "/etc/passwd": permission denied'
	ko 255 exec "$CT" /etc
	has "$stderr" 'exec failed: unable to start container process: exec: \"/etc\": '
	ko 255 exec "$CT"
	message 'exec failed: process args cannot be empty'
}

@test "exec: in the container's namespaces" {
	ok exec "$CT" sh -c 'for n in cgroup ipc mnt net pid uts; do
			[ "$(readlink /proc/self/ns/$n)" = "$(readlink /proc/1/ns/$n)" ] || echo "$n differs"
		done
		hostname; tr "\0" " " </proc/1/cmdline; echo; cat /etc/container; grep PPid: /proc/self/status; [ $$ != 1 ] && echo "not 1"; cat /proc/$$/status | grep PPid'
	is "$output" $'shared\nsh -c while :; do sleep 1000; done \nthe file of the container\nPPid:\t'"$(sed -n 's/^PPid:\t\([1-9][0-9]*\)$/\1/p' <<<"$output" | head -n 1)"$'\nnot 1\nPPid:\t0'
}

@test "exec: the container's settings, and options over them" {
	ok exec "$CT" sh -c 'echo "$(id -u):$(id -g) $(pwd) $FROM $HOME $TERM"; sed -n "s/  */ /g; /^Max open/p" /proc/self/limits; grep -E "^(CapEff|CapBnd|NoNewPrivs)" /proc/self/status'
	is "$output" "0:0 / container /root xterm
Max open files 1024 1024 files 
CapEff:	0000000020000420
CapBnd:	0000000020000420
NoNewPrivs:	0"
	ok exec --user 1000:1001 -g 5 -g 6 --cwd /tmp --env A=b --env FROM=exec --env=C== --no-new-privs -c CAP_CHOWN "$CT" \
		sh -c 'echo "$(id -u) $(id -G) $(pwd) $A $FROM $C $HOME"; grep -E "^(CapBnd|NoNewPrivs)" /proc/self/status'
	is "$output" "1000 1001 5 6 /tmp b exec = /home
CapBnd:	0000000020000421
NoNewPrivs:	1"
	ok exec -u 1000 "$CT" id -u
	is "$output" 1000
	ok exec --cwd=/etc -u=0:5 "$CT" sh -c 'pwd; id -g'
	is "$output" $'/etc\n5'
	ko 255 exec --cwd /nowhere "$CT" pwd
	has "$stderr" /nowhere "no such file or directory"
}

@test "exec: arguments with dashes are the program's" {
	ok exec "$CT" echo --tty -d --help
	is "$output" "--tty -d --help"
	ok exec -- "$CT" echo x
	is "$output" x
}

@test "exec: --process" {
	jq '.process | .args = ["sh", "-c", "id -u; pwd; echo $X"] | .cwd = "/usr" | .env = ["PATH=/bin", "X=y z"] | .user = {uid: 7, gid: 8, umask: 63}' \
		"$B/config.json" >"$T/process.json"
	ok exec --process "$T/process.json" "$CT"
	is "$output" $'7\n/usr\ny z'
	ko 255 exec --process "$T/nowhere" "$CT"
	has "$stderr" "$T/nowhere" "no such file or directory"
	echo '{"args": ["true"]' >"$T/process.json"
	ko 255 exec -p "$T/process.json" "$CT"
	echo '{"args": "true", "cwd": "/"}' >"$T/process.json"
	ko 255 exec -p "$T/process.json" "$CT"
	has "$stderr" args
	echo '{"args": ["true"], "cwd": "tmp"}' >"$T/process.json"
	ko 255 exec -p "$T/process.json" "$CT"
	has "$stderr" absolute
}

@test "exec: --detach and --pid-file" {
	ok exec --detach --pid-file "$T/pid" "$CT" sleep 1005
	is "$output$stderr" ""
	local pid
	pid=$(cat "$T/pid")
	is "$(tr '\0' ' ' <"/proc/$pid/cmdline")" "sleep 1005 "
	ok exec "$CT" sh -c 'ps -o args | grep "^sleep 1005$"'
	kill -KILL "$pid"
	within 60 gone "$pid"
	within 60 no_process "sleep 1005"
	has_status running
}

# no_process ARGS: in the container
no_process()
{
	is "$("$BIN" --root "$ROOT" exec "$CT" ps -o args 3>&- | grep -cxF "$1")" 0
}

@test "exec: kill(2) on its pid arrives in the container" {
	ok exec --detach --pid-file "$T/pid" "$CT" sh -c 'trap "echo HUP >>/tmp/signals" HUP; trap "echo TERM >>/tmp/signals; exit" TERM; touch /tmp/ready; while :; do sleep 0.1; done'
	within 60 test -e "$B/rootfs/tmp/ready"
	kill -HUP "$(cat "$T/pid")"
	within 60 test -e "$B/rootfs/tmp/signals"
	kill -TERM "$(cat "$T/pid")"
	within 60 gone "$(cat "$T/pid")"
	is "$(cat "$B/rootfs/tmp/signals")" $'HUP\nTERM'
}

@test "exec: signals to the command are passed on" {
	background cli exec "$CT" sh -c 'trap "echo got; exit 5" INT; touch /tmp/waiting; while :; do sleep 0.1; done' >"$T/out"
	within 60 test -e "$B/rootfs/tmp/waiting"
	kill -INT "$PID"
	reaped "$PID"
	is "$status $(cat "$T/out")" "5 got"
}

@test "exec: 30 MB each way, without loss" {
	head -c 30000000 /dev/urandom >"$T/in"
	ok exec "$CT" cat <"$T/in"
	cmp "$T/in" "$T/stdout"
	ok exec "$CT" sh -c 'cat >&2' <"$T/in"
	cmp "$T/in" "$T/stderr"
}

@test "exec: nothing is lost when the program ends at once" {
	local i
	for i in 1 2 3 4 5; do
		ok exec "$CT" cat /bin/busybox
		cmp "$BASE/rootfs/bin/busybox" "$T/stdout"
	done
}

@test "exec: half-closed" {
	ok exec "$CT" sh -c 'cat >/dev/null; echo after the end' </dev/null
	is "$output" "after the end"
	# It closes its output, and goes on reading.
	ok exec "$CT" sh -c 'exec >&- 2>&-; cat >/tmp/read' <<<"read"
	is "$(cat "$B/rootfs/tmp/read")" read
	# It does not read at all, from someone who never stops writing.
	yes | {
		ok exec "$CT" true
		head -c 1 >/dev/null
	}
}

# bats test_tags=moat
@test "exec: ends although somebody else still holds its output" {
	ok exec "$CT" sh -c 'sleep 1006 & echo started'
	is "$output" started
	ok exec "$CT" sh -c 'ps -o args | grep -c "^sleep 1006$"'
	is "$output" 1
	ok exec "$CT" sh -c 'kill $(ps -o pid,args | sed -n "s,^ *\([0-9]*\) sleep 1006$,\\1,p")'
}

# bats test_tags=moat
@test "exec: a reader that goes away" {
	local code
	rm -f "$B/rootfs/tmp/code"
	cli exec "$CT" sh -c 'yes; echo $? >/tmp/code' 3>&- | head -c 100000 >/dev/null
	within 60 test -s "$B/rootfs/tmp/code"
	is "$(cat "$B/rootfs/tmp/code")" 141
}

@test "exec: a reader that stops holds up nobody else, and loses nothing" {
	mkfifo "$T/fifo"
	# Both ends open: what writes into it stops when it is full.
	exec 9<>"$T/fifo"
	background cli exec "$CT" sh -c 'head -c 3000000 /dev/zero; echo the end >&2' >"$T/fifo" 2>"$T/err" 9>&-
	ok exec "$CT" sh -c 'head -c 3000000 /dev/zero | wc -c'
	is "$output" 3000000
	ok exec "$CT" cat <"$BASE/rootfs/bin/busybox"
	cmp "$BASE/rootfs/bin/busybox" "$T/stdout"
	kill -0 "$PID"
	is "$(head -c 3000000 <&9 | wc -c)" 3000000
	exec 9<&-
	reaped "$PID"
	is "$status $(cat "$T/err")" "0 the end"
}

@test "exec: sixteen at a time" {
	local i pids=()
	for i in {1..16}; do
		cli exec "$CT" sh -c "cat; exit $i" <<<"input $i" >"$T/out.$i" 2>"$T/err.$i" 3>&- &
		pids+=($!)
	done
	for i in {1..16}; do
		reaped "${pids[i - 1]}"
		cat "$T/err.$i"
		is "$status $(cat "$T/out.$i")" "$i input $i"
	done
}

@test "exec: writes to the bundle's own files" {
	ok exec "$CT" sh -c 'mkdir -p /opt/a/b; echo text >/opt/a/b/file; chmod 751 /opt/a; ln -s b /opt/a/link; mkfifo /opt/a/fifo'
	is "$(cat "$B/rootfs/opt/a/link/file")" text
	is "$(stat -c %a "$B/rootfs/opt/a")" 751
	[ -p "$B/rootfs/opt/a/fifo" ]
	echo from the host >"$B/rootfs/opt/a/host"
	ok exec "$CT" cat /opt/a/host
	is "$output" "from the host"
}

@test "exec: needs a terminal for a console socket, and one for a detached terminal" {
	ko 255 exec --console-socket "$T/nowhere" "$CT" true
	has "$stderr" "cannot use console socket if runc will not detach or allocate tty"
	ko 255 exec --tty --detach "$CT" true
	has "$stderr" "cannot allocate tty if $RUNTIME will detach without setting console socket"
}

# bats test_tags=moat
@test "exec: users that are none" {
	local user
	for user in name :1 1: -1 0x1 "1 " " 1" 1.0 4294967295 4294967296 1:4294967295 1:2:3 "" "1
2"; do
		ko 255 exec --user "$user" "$CT" id
		has "$stderr" --user
		is "$output" ""
	done
	ok exec --user 4294967294:4294967294 "$CT" sh -c 'id -u; id -g'
	is "$output" $'4294967294\n4294967294'
	ok exec --user 2147483648 "$CT" id -u
	is "$output" 2147483648
	ko 255 exec -g x "$CT" id
	has "$stderr" --additional-gids
}

# bats test_tags=moat
@test "exec: the umask of --process" {
	jq '.process | .args = ["sh", "-c", "umask"] | .user.umask = 63' "$B/config.json" >"$T/process.json"
	ok exec --process "$T/process.json" "$CT"
	is "$output" 0077
}

# bats test_tags=moat
@test "exec: descriptors are passed as streams, and what is none is refused" {
	local large got fd
	passing() { "$BIN" "${OPTIONS[@]}" --root "$ROOT" "$@"; } # which `cli` keeps clear of bats' descriptor 3
	large=$T/large
	head -c 3000000 /dev/urandom >"$large"
	passing exec --preserve-fds 2 "$CT" sh -c 'cat <&3 >&4; echo end >&4' 3<"$large" 4>"$T/copy"
	echo end >>"$large"
	cmp "$large" "$T/copy"
	# As many as there can be, of files, which have no readiness to wait for
	try perl -MPOSIX -e 'POSIX::close($_) for 3..40; POSIX::open($ENV{CONFIG}) for 3..32; exec(@ARGV) or die' \
		"$BIN" "${OPTIONS[@]}" --root "$ROOT" exec --preserve-fds 30 "$CT" \
		sh -c 'for fd in $(seq 3 32); do eval "cat <&$fd"; done | md5sum'
	is "$output" "$(for fd in {3..32}; do cat "$CONFIG"; done | md5sum)"
	# There is no room for them below this limit
	jq '.process | .args = ["true"] | .rlimits = [{type: "RLIMIT_NOFILE", soft: 6, hard: 6}]' "$B/config.json" \
		>"$T/process.json"
	try sh -c 'exec "$@" 3</dev/null 4</dev/null 5</dev/null' sh "$BIN" "${OPTIONS[@]}" --root "$ROOT" exec \
		--preserve-fds 3 --process "$T/process.json" "$CT"
	is "$status" 255
	has "$stderr" "--preserve-fds: "
	# A pipe, a socket for both directions, and one that is there and not used
	got=$(echo "by a pipe" | {
		exec 3<&0
		passing exec --preserve-fds 1 "$CT" sh -c 'cat <&3' </dev/null
	})
	is "$got" "by a pipe"
	cat >"$T/socket.pl" <<-'EOF'
		use Socket;
		use POSIX ();
		socketpair(my $here, my $there, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die;
		my $pid = fork() // die;
		if (!$pid) {
			my ($number, $null) = (fileno($there), POSIX::open("/dev/null", POSIX::O_RDWR));
			POSIX::dup2($number, 20); # above what it is put at
			POSIX::dup2($null, $_) for 3, 4;
			POSIX::dup2(20, 5);
			exec(@ARGV) or die;
		}
		close($there);
		syswrite($here, "a line\n");
		my $text = "";
		while (sysread($here, $text, 100, length($text))) {}
		waitpid($pid, 0);
		print $text;
		exit($? >> 8);
	EOF
	try perl "$T/socket.pl" "$BIN" "${OPTIONS[@]}" --root "$ROOT" exec --preserve-fds 3 "$CT" \
		sh -c 'read a <&5; echo "got $a" >&5; exec 5>&-; sleep 0.1'
	is "$status $output" "0 got a line"
	LIMIT=20 ko 255 exec --preserve-fds 1 "$CT" true
	has "$stderr" "--preserve-fds: descriptor 3: bad file descriptor"
	try sh -c 'exec "$@" 3</' sh "$BIN" "${OPTIONS[@]}" --root "$ROOT" exec --preserve-fds 1 "$CT" true
	message "exec failed: --preserve-fds: descriptor 3 is a directory, which cannot be passed into a virtual machine"
	try sh -c 'exec "$@" 3<>"$0"' "$T/copy" "$BIN" "${OPTIONS[@]}" --root "$ROOT" exec --preserve-fds 1 "$CT" true
	has "$stderr" "descriptor 3 is a file that is open for reading and writing"
	ko 255 exec --preserve-fds 31 "$CT" true
	has "$stderr" "--preserve-fds 31: at most 30"
	ok exec --preserve-fds 0 "$CT" true
	# LISTEN_FDS counts if it is meant for this process: that is the shell's number, which it gives to the runtime.
	try sh -c 'LISTEN_FDS=2 LISTEN_PID=$$ exec "$@"' sh "$BIN" "${OPTIONS[@]}" --root "$ROOT" exec "$CT" true
	[ "$status" = 255 ]
	message "exec failed: LISTEN_FDS=2: a socket cannot be passed into a virtual machine"
	try env LISTEN_FDS=2 LISTEN_PID=1 "$BIN" "${OPTIONS[@]}" --root "$ROOT" exec "$CT" true
	[ "$status" = 0 ]
}

# bats test_tags=moat
@test "exec: an AppArmor profile and an SELinux label are not dropped in silence" {
	rt exec --apparmor some-profile "$CT" true
	has "$stderr" apparmorProfile
	rt exec --process-label some_u:label "$CT" true
	has "$stderr" selinuxLabel
}

@test "exec: into a paused container, to run when it is resumed" {
	ROOT=$T/root CT=$CT-own
	make_bundle
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	ok pause "$CT"
	ko 255 exec "$CT" true
	message "exec failed: cannot exec in a paused container (use --ignore-paused to override)"
	background cli exec --ignore-paused "$CT" echo ran >"$T/out" 2>"$T/err"
	sleep 2
	is "$(cat "$T/out")" ""
	kill -0 "$PID"
	ok resume "$CT"
	reaped "$PID"
	is "$status" 0
	is "$(cat "$T/out")" ran
	has_status running
}

# runc looks into the host's hierarchies, of whatever version.
# bats test_tags=moat
@test "exec: in a cgroup below the container's" {
	ROOT=$T/root CT=$CT-own
	make_bundle
	edit '.linux.namespaces |= (map(select(.type != "cgroup")) + [{type: "cgroup"}])
		| .mounts |= map(if .type == "cgroup" then .options -= ["ro"] else . end)'
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	ok exec "$CT" mkdir -p /sys/fs/cgroup/a/b
	ok exec --cgroup /a/b "$CT" cat /proc/self/cgroup
	is "$output" 0::/a/b
	ok exec --cgroup=a "$CT" cat /proc/self/cgroup
	is "$output" 0::/a
	ok exec --cgroup / "$CT" cat /proc/self/cgroup
	is "$output" 0::/
	ok exec --cgroup ../../a/../.. "$CT" cat /proc/self/cgroup
	is "$output" 0::/
	ko 255 exec --cgroup /nope "$CT" true
	message "exec failed: unable to start container process: cgroup /nope of the container: no such file or directory"
	ko 255 exec --cgroup cpu:/a "$CT" true
	has "$stderr" "unknown controller cpu"
	ko 255 exec --cgroup /cgroup.procs "$CT" true
}

@test "exec: cgroups that are none" {
	ko 255 exec --cgroup a:b:c "$CT" true
	message "exec failed: invalid --cgroup argument: a:b:c"
	ko 255 exec --cgroup x --cgroup y "$CT" true
	has "$stderr" "invalid --cgroup argument: " "(missing <controller>: prefix)"
}

@test "exec: ends with the container" {
	ROOT=$T/root CT=$CT-own
	make_bundle
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	background cli exec "$CT" sh -c 'echo ready; sleep 1000' >"$T/out" 2>"$T/err"
	within 60 grep -q ready "$T/out"
	ok kill "$CT" KILL
	reaped "$PID"
	is "$status" 137
}

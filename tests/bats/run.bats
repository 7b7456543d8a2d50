#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0

load helpers

# ---- stdio and exit code ----

@test "run: stdout, stderr and exit code pass through" {
	script 'echo to stdout; echo to stderr >&2; exit 42'
	ko 42 run --bundle "$B" "$CT"
	is "$output" "to stdout"
	is "$stderr" "to stderr"
}

@test "run: stdin passes through, binary, with its end" {
	for ((i = 0; i < 256; i++)); do printf "\\x$(printf %02x $i)"; done >"$T/bytes"
	cat "$T/bytes" "$BASE/rootfs/bin/busybox" >"$T/in"
	script 'cat; echo end >&2'
	ok run --bundle "$B" "$CT" <"$T/in"
	is "$stderr" "end"
	cmp "$T/in" "$T/stdout"
}

@test "run: is gone when the program ends" {
	args sh -c 'exit 1'
	ko 1 run --bundle "$B" "$CT"
	ko 1 state "$CT"
	message "container does not exist"
	ok list -q
	is "$output" ""
}

@test "run: bundle is the current directory by default" {
	args cat /etc/container
	cd "$B"
	ok run "$CT"
	is "$output" "the file of the container"
}

@test "run: arguments arrive as they are" {
	args sh -c 'for a; do printf "[%s]\n" "$a"; done' sh "" " " 'a  b' '$HOME' '*' '"' \' $'line\nbreak' 'äöü €' --
	ok run --bundle "$B" "$CT"
	is "$output" $'[]\n[ ]\n[a  b]\n[$HOME]\n[*]\n["]\n[\']\n[line\nbreak]\n[äöü €]\n[--]'
}

@test "run: a reader that goes away" {
	mkdir "$T/share"
	bind "$T/share" /mnt
	script 'yes; echo $? >/mnt/code'
	cli run --bundle "$B" "$CT" 3>&- | head -c 100000 >/dev/null
	# SIGPIPE, as on any pipe
	is "$(cat "$T/share/code")" 141
}

# bats test_tags=moat
@test "run: closed and full stdio" {
	script 'echo out; echo err >&2; cat; exit 3'
	status=0
	(cli run --bundle "$B" "$CT" <&- 2>"$T/err" 3>&- >"$T/out") || status=$?
	is "$status $(cat "$T/out") $(cat "$T/err")" "3 out err"
	status=0
	(cli run --bundle "$B" "$CT" >&- 2>&- </dev/null 3>&-) || status=$?
	is "$status" 3
	status=0
	(cli run --bundle "$B" "$CT" >/dev/full 2>/dev/full </dev/null 3>&-) || status=$?
	is "$status" 3
}

@test "run: 30 MB each way, without loss at the end" {
	script 'n=0; while [ $n -lt 15 ]; do cat /bin/busybox; n=$((n + 1)); done; sha256sum >&2'
	for ((i = 0; i < 15; i++)); do cat "$BASE/rootfs/bin/busybox"; done >"$T/in"
	ok run --bundle "$B" "$CT" <"$T/in"
	cmp "$T/in" "$T/stdout"
	is "$stderr" "$(sha256sum <"$T/in")"
}

# ---- signals ----

@test "run: signals are passed on, and 128 + n comes back" {
	mkdir "$T/share"
	bind "$T/share" /mnt
	script 'trap "echo USR1" USR1; trap "echo TERM; exit 5" TERM; touch /mnt/ready; while :; do sleep 0.1; done'
	background cli run --bundle "$B" "$CT" >"$T/out" 2>&1
	within 60 test -e "$T/share/ready"
	kill -USR1 "$PID"
	within 60 grep -q USR1 "$T/out"
	kill -TERM "$PID"
	reaped "$PID"
	is "$status" 5
	is "$(cat "$T/out")" $'USR1\nTERM'
	within 60 not test -e "$ROOT/$CT"
}

@test "run: a program that dies by a signal" {
	args sleep 1000
	background cli run --bundle "$B" "$CT" >"$T/out" 2>&1
	within 60 has_status running
	ok kill "$CT" KILL
	reaped "$PID"
	is "$status" 137
}

# ---- what cannot be executed ----

@test "run: no such file" {
	args /nonexistent
	ko 1 run --bundle "$B" "$CT"
	message "$RUNTIME run failed: unable to start container process: exec: \"/nonexistent\": stat /nonexistent: no such file or directory"
}

@test "run: not in PATH" {
	args nonexistent
	ko 1 run --bundle "$B" "$CT"
	message "$RUNTIME run failed: unable to start container process: exec: \"nonexistent\": executable file not found in \$PATH"
}

@test "run: not executable" {
	args /etc/passwd
	ko 1 run --bundle "$B" "$CT"
	message "$RUNTIME run failed: unable to start container process: exec: \"/etc/passwd\": permission denied"
}

@test "run: an id that is in use" {
	mkdir -p "$ROOT"
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	ko 1 run --bundle "$B" "$CT"
	message "$RUNTIME run failed: container with given ID already exists"
	has_status running
}

# ---- options ----

@test "run: --detach and --pid-file" {
	args sleep 1000
	ok run --detach --pid-file "$T/pid" --bundle "$B" "$CT"
	is "$output$stderr" ""
	has_status running
	is "$(cat "$T/pid")" "$(pid_of)"
	is "$(tr '\0' ' ' <"/proc/$(cat "$T/pid")/cmdline")" "sleep 1000 "
}

@test "run: --keep" {
	args sh -c 'exit 4'
	ko 4 run --keep --bundle "$B" "$CT"
	ok state "$CT"
	is "$(jq -c '[.status, .pid]' <<<"$output")" '["stopped",0]'
	ok delete "$CT"
}

# ---- config.json: one container shows many fields, line by line ----

# For the scripts in the container: file system type and options of a mount point, as far as all kernels agree
MOUNT='opts()
{
	awk -v dir="$1" "\$2 == dir { type = \$3; n = split(\$4, o, \",\") }
		END { for (i = 1; i <= n; i++) if (o[i] ~ /^(ro|rw|nosuid|nodev|noexec|relatime|noatime)$/) s = s \" \" o[i]; print dir, type s }" \
		/proc/self/mounts
}
'

@test "run: an unprivileged process" {
	mkdir "$B/rootfs/masked"
	echo secret >"$B/rootfs/masked/file"
	chmod 777 "$B/rootfs/srv"
	edit '.process |= (.user = {uid: 1000, gid: 1001, additionalGids: [20, 30], umask: 23}
		| .cwd = "/srv" | .oomScoreAdj = 500 | .noNewPrivileges = true
		| .env = ["PATH=/bin", "A=1", "B=two  words", "EMPTY=", "A=2", "C==x"]
		| .capabilities = (["CAP_KILL", "CAP_NET_BIND_SERVICE"] | {bounding: (. + ["CAP_CHOWN"]), effective: ., permitted: .,
			inheritable: ., ambient: .})
		| .rlimits = [{type: "RLIMIT_NOFILE", soft: 512, hard: 768}, {type: "RLIMIT_NPROC", soft: 100, hard: 200},
			{type: "RLIMIT_STACK", soft: 1048576, hard: 18446744073709551615},
			{type: "RLIMIT_FSIZE", soft: 18446744073709551615, hard: 18446744073709551615},
			{type: "RLIMIT_CPU", soft: 9223372036854775807, hard: 9223372036854775807}])
		| .hostname = "world" | .linux.sysctl = {"kernel.msgmax": "9001", "net.ipv4.ip_forward": "1", "fs.mqueue.msg_max": "11"}
		| .linux.maskedPaths += ["/etc/container", "/masked", "/no/such/path"] | .linux.readonlyPaths += ["/srv", "/no/such/path"]
		| .root.readonly = false'
	script 'echo "id $(id -u) $(id -g) $(id -G)"
		echo "cwd $PWD"
		echo "umask $(umask)"
		env | grep -v SHLVL | sort
		sed -n "s/  */ /g; /^Max \(open files\|processes\|stack size\|file size\|cpu time\) /p" /proc/self/limits
		sed -n "/^\(Cap\|NoNewPrivs\|NSpid\|NSsid\)/p" /proc/1/status
		echo "oom $(cat /proc/self/oom_score_adj)"
		echo "host $(hostname) $(cat /proc/sys/kernel/hostname)"
		cat /proc/sys/kernel/msgmax /proc/sys/net/ipv4/ip_forward /proc/sys/fs/mqueue/msg_max
		cat /etc/container && ls -A /masked
		touch /srv/new 2>&1 || touch /masked/new 2>&1
		echo 1 2>&1 >/proc/sys/kernel/msgmax
		for fd in 0 1 2; do [ -t $fd ] && echo "$fd is a terminal"; done
		ls /proc/self/fd'
	ok run --bundle "$B" "$CT"
	is "$output" "id 1000 1001 1001 20 30
cwd /srv
umask 0027
A=2
B=two  words
C==x
EMPTY=
HOME=/home
PATH=/bin
PWD=/srv
Max cpu time 9223372036854775807 9223372036854775807 seconds 
Max file size unlimited unlimited bytes 
Max stack size 1048576 unlimited bytes 
Max processes 100 200 processes 
Max open files 512 768 files 
NSpid:	1
NSsid:	1
CapInh:	0000000000000420
CapPrm:	0000000000000420
CapEff:	0000000000000420
CapBnd:	0000000000000421
CapAmb:	0000000000000420
NoNewPrivs:	1
oom 500
host world world
9001
1
11
touch: /srv/new: Read-only file system
touch: /masked/new: Read-only file system
sh: can't create /proc/sys/kernel/msgmax: Read-only file system
0
1
2
3"
}

@test "run: a privileged process, mounts and devices" {
	mkdir "$T/dir-rw" "$T/dir-ro" "$T/outside"
	echo from the host >"$T/dir-ro/file"
	echo one >"$T/file-rw"
	echo one >"$T/file-ro"
	ln -s "$T/outside" "$B/rootfs/absolute"
	ln -s ../../../../opt "$B/rootfs/relative"
	edit '.root.readonly = false | .process.cwd = "/new/directory" | .process.noNewPrivileges = false
		| .process.capabilities = (["CAP_CHOWN", "CAP_MKNOD"] | {bounding: ., effective: ., permitted: ., inheritable: []})
		| .mounts += [{destination: "/scratch", type: "tmpfs", source: "tmpfs", options: ["nodev", "size=1m", "mode=1750"]},
			{destination: "/etc", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup"]},
			{destination: "/a/b/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "ro"]}]
		| .linux.maskedPaths = [] | .linux.readonlyPaths = [] | del(.process.rlimits)'
	bind "$T/dir-rw" /mnt
	bind "$T/dir-ro" /new/ro ro nosuid noexec
	bind "$T/file-rw" /new/file-rw rw
	bind "$T/file-ro" /etc/file-ro ro
	bind "$T/dir-ro" /absolute/below ro
	bind "$T/dir-ro" /relative/below ro
	bind "$T/dir-ro" /dev/shm/below ro
	script "$MOUNT"'
		echo "$PWD $(id -G)"
		sed -n "/^\(Cap\|NoNewPrivs\)/p" /proc/self/status
		for m in /proc /dev /dev/pts /dev/shm /dev/mqueue /sys /scratch /etc /a/b/proc; do opts $m; done
		for m in / /mnt /new/ro /new/file-rw /etc/file-ro /opt/below; do set -- $(opts $m); shift 2; echo "$m $*"; done
		stat -c "%n %F %t:%T %a %u:%g" /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty /dev/pts/ptmx
		stat -c "%n %a %u:%g" /scratch /dev/shm /dev/mqueue /dev/pts
		for l in fd stdin stdout stderr ptmx; do echo "$l -> $(readlink /dev/$l)"; done
		head -c 4 /dev/zero | od -An -tx1
		head -c 8 /dev/urandom | wc -c
		echo x 2>&1 >/dev/full || echo x >/dev/null
		cat /etc/container /new/ro/file /absolute/below/file /opt/below/file /dev/shm/below/file
		echo two >>/new/file-rw && echo from the container >/mnt/file && chmod 640 /mnt/file && chown 7:8 /mnt/file
		echo no 2>&1 >/new/ro/file || echo no 2>&1 >/etc/file-ro
		dd if=/dev/zero of=/scratch/big bs=1k count=2000 2>&1 | grep -o "No space left on device"
		echo changed >/etc/container; echo new >/root/file
		mknod /dev/mine c 1 3 && ls /sys/class/net && [ -e /sys/fs/cgroup ] && echo done'
	ok run --bundle "$B" "$CT"
	is "$output" "/new/directory 0
CapInh:	0000000000000000
CapPrm:	0000000008000001
CapEff:	0000000008000001
CapBnd:	0000000008000001
CapAmb:	0000000000000000
NoNewPrivs:	0
/proc proc rw relatime
/dev tmpfs rw nosuid
/dev/pts devpts rw nosuid noexec relatime
/dev/shm tmpfs rw nosuid nodev noexec relatime
/dev/mqueue mqueue rw nosuid nodev noexec relatime
/sys sysfs ro nosuid nodev noexec relatime
/scratch tmpfs rw nodev relatime
/etc tmpfs rw relatime
/a/b/proc proc ro nosuid noexec relatime
/ rw relatime
/mnt rw relatime
/new/ro ro nosuid noexec relatime
/new/file-rw rw relatime
/etc/file-ro ro relatime
/opt/below ro relatime
/dev/null character special file 1:3 666 0:0
/dev/zero character special file 1:5 666 0:0
/dev/full character special file 1:7 666 0:0
/dev/random character special file 1:8 666 0:0
/dev/urandom character special file 1:9 666 0:0
/dev/tty character special file 5:0 666 0:0
/dev/pts/ptmx character special file 5:2 666 0:0
/scratch 1750 0:0
/dev/shm 1777 0:0
/dev/mqueue 1777 0:0
/dev/pts 755 0:0
fd -> /proc/self/fd
stdin -> /proc/self/fd/0
stdout -> /proc/self/fd/1
stderr -> /proc/self/fd/2
ptmx -> pts/ptmx
 00 00 00 00
8
sh: write error: No space left on device
the file of the container
from the host
from the host
from the host
from the host
sh: can't create /new/ro/file: Read-only file system
sh: can't create /etc/file-ro: Read-only file system
No space left on device
lo
done"
	# On the host: what was written is there, and nothing else was touched.
	is "$(cat "$T/file-rw")" $'one\ntwo'
	is "$(cat "$T/file-ro")" one
	is "$(stat -c '%a %u:%g' "$T/dir-rw/file")" "640 7:8"
	is "$(cat "$B/rootfs/root/file" "$B/rootfs/etc/container")" $'new\nthe file of the container'
	is "$(ls -A "$T/outside")" ""
	is "$(stat -c '%F %a' "$B/rootfs/new/directory")" "directory 755"
}

# bats test_tags=moat
@test "run: domainname, propagation, a score below zero, limits above the host's" {
	edit '.domainname = "example.org" | .linux.rootfsPropagation = "shared" | .process.oomScoreAdj = -500
		| .process.rlimits = [{type: "RLIMIT_NOFILE", soft: 1048576, hard: 1048576},
			{type: "RLIMIT_MEMLOCK", soft: 18446744073709551615, hard: 18446744073709551615}]'
	script 'cat /proc/sys/kernel/domainname /proc/self/oom_score_adj
		grep -c " / / .* shared:" /proc/self/mountinfo
		sed -n "s/  */ /g; /^Max \(open files\|locked memory\) /p" /proc/self/limits'
	ok run --bundle "$B" "$CT"
	is "$output" "example.org
-500
1
Max open files 1048576 1048576 files 
Max locked memory unlimited unlimited bytes "
}

@test "run: a read-only root file system" {
	mkdir "$B/rootfs/data"
	bind "$T" /data/host
	edit '.root.readonly = true'
	script 'touch /file 2>&1; touch /data/file 2>&1; echo x 2>&1 >/etc/passwd; touch /data/host/file /dev/file && echo ok'
	ok run --bundle "$B" "$CT"
	is "$output" "touch: /file: Read-only file system
touch: /data/file: Read-only file system
sh: can't create /etc/passwd: Read-only file system
ok"
	[ -e "$T/file" ] && [ ! -e "$B/rootfs/file" ]
}

@test "run: recursive and flat binds" {
	mkdir "$T/top" "$T/top/below"
	edit --arg dir "$T/top" '.mounts += [{destination: "/flat", type: "bind", source: $dir, options: ["bind"]},
			{destination: "/deep", type: "none", source: $dir, options: ["rbind", "rprivate", "ro"]}]
		| .linux.rootfsPropagation = "shared" | .root.readonly = false'
	script 'ls /flat/below; cat /deep/below/file; touch /deep/x 2>&1; true'
	try unshare --mount --propagation private sh -ec 'mount -t tmpfs tmpfs "$1"; echo deep >"$1/file"; shift; exec "$@"' sh \
		"$T/top/below" "$BIN" "${OPTIONS[@]}" --root "$ROOT" run --bundle "$B" "$CT"
	[ "$status" = 0 ]
	is "$output" $'deep\ntouch: /deep/x: Read-only file system'
}

@test "run: an absolute root.path, and one below the bundle" {
	mv "$B/rootfs" "$T/elsewhere"
	edit --arg path "$T/elsewhere" '.root.path = $path'
	args cat /etc/container
	ok run --bundle "$B" "$CT"
	is "$output" "the file of the container"
	mkdir -p "$B/some/where"
	mv "$T/elsewhere" "$B/some/where/rootfs"
	edit '.root.path = "some/where/rootfs"'
	ok run --bundle "$B" "$CT"
	is "$output" "the file of the container"
}

# bats test_tags=moat
@test "run: another kernel than the host's" {
	args uname -r
	ok run --bundle "$B" "$CT"
	[ -n "$output" ]
	[ "$output" != "$(uname -r)" ]
	is "$output" "$(sed -n 's/^kernel_release=//p' "$BUILD/guest/manifest")"
}

# bats test_tags=moat
@test "run: what is not applied yet is said" {
	edit '.linux.resources.memory = {limit: 100000000, swappiness: 0} | .process.capabilities.bounding += ["CAP_NONSENSE"]'
	ok run --bundle "$B" "$CT"
	has "$stderr" "level=warning" \
		"linux.resources.memory.swappiness has no effect" 'process.capabilities.bounding: unknown capability \"CAP_NONSENSE\" is ignored'
}

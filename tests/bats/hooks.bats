#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# hooks: order, place, what they are told, and what their failure leaves: nothing

load helpers

# hook KIND SCRIPT [JQ]: adds one that runs a script, on the host or, for startContainer, in the container
hook()
{
	edit --arg kind "$1" --arg script "$2" '.hooks[$kind] += [{path: "/bin/sh", args: ["sh", "-c", $script],
		env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]} | '"${3:-.}"']'
}

# log_hook KIND...: each writes its name and state
log_hook()
{
	local kind
	for kind; do
		hook "$kind" "echo $kind \$(jq -c . | tee '$T/$kind.state' | jq -r .status) >>'$T/log'"
	done
}

nothing_left()
{
	ok list -q
	is "$output" ""
	ko 1 state "$CT"
	nothing_new "$T/host.before"
}

@test "hooks: in order, at their time, with the whole state" {
	mkdir "$T/share"
	bind "$T/share" /mnt
	log_hook prestart createRuntime createContainer poststop
	# Applets only: the container has no jq
	hook startContainer 'cat >/mnt/startContainer.state; echo startContainer >>/mnt/log; id -u >/mnt/id; pwd >/mnt/cwd'
	script 'echo program >>/mnt/log'
	edit '.annotations = {"com.example": "annotated"} | .process.cwd = "/etc" | .root.readonly = false'
	ok create --bundle "$B" --pid-file "$T/pid" "$CT"
	is "$(cat "$T/log")" $'prestart creating\ncreateRuntime creating\ncreateContainer creating'
	[ ! -e "$T/share/log" ]
	ok start "$CT"
	within 10 has_status stopped
	ok delete "$CT"
	is "$(cat "$T/share/log")" $'startContainer\nprogram'
	is "$(cat "$T/log")" $'prestart creating\ncreateRuntime creating\ncreateContainer creating\npoststop stopped'
	is "$(cat "$T/share/id" "$T/share/cwd")" $'0\n/etc'
	local kind
	for kind in prestart createRuntime; do
		is "$(jq -c 'del(.ociVersion)' "$T/$kind.state")" "$(jq -nc --arg id "$CT" --arg bundle "$B" --argjson pid "$(cat "$T/pid")" \
			'{$id, status: "creating", $pid, $bundle, annotations: {"com.example": "annotated"}}')"
		jq -e '.ociVersion | test("^1\\.")' "$T/$kind.state"
	done
	# Where a container sees its own pid
	is "$(jq -c 'del(.ociVersion)' "$T/share/startContainer.state")" "$(jq -nc --arg id "$CT" --arg bundle "$B" \
		'{$id, status: "created", pid: 1, $bundle, annotations: {"com.example": "annotated"}}')"
	is "$(jq -c 'del(.ociVersion)' "$T/poststop.state")" "$(jq -nc --arg id "$CT" --arg bundle "$B" \
		'{$id, status: "stopped", $bundle, annotations: {"com.example": "annotated"}}')"
}

# runc 1.1 runs it during create.
# bats test_tags=moat
@test "hooks: poststart after start, before it returns" {
	log_hook poststart
	args sleep 1000
	ok create --bundle "$B" "$CT"
	[ ! -e "$T/log" ]
	ok start "$CT"
	is "$(cat "$T/log")" "poststart running"
	is "$(jq .pid "$T/poststart.state")" "$(pid_of)"
}

@test "hooks: arguments, environment and descriptors as given" {
	cat >"$T/hook" <<-EOF
		#!/bin/sh
		tr '\0' '|' </proc/self/cmdline >/dev/null
		echo "\$@" >"$T/args"
		env | grep -v '^_=\|^PWD=\|^SHLVL=' >"$T/env"
		ls /proc/\$\$/fd | sort -n | tr '\n' ' ' >"$T/fds"
		pwd >"$T/cwd"
	EOF
	chmod +x "$T/hook"
	edit --arg path "$T/hook" '.hooks.createRuntime = [{path: $path, args: ["zero", "one", "two  words"], env: ["A=1", "B= "]}]'
	exec 9</dev/null
	ok run --bundle "$B" "$CT"
	is "$(cat "$T/args")" "one two  words"
	is "$(cat "$T/env")" $'A=1\nB= '
	is "$(cat "$T/cwd")" "$B"
	# The shell has its script open
	has " $(cat "$T/fds")" " 0 1 2 "
	lacks " $(cat "$T/fds")" " 9 "
}

# runc hands down its own.
# bats test_tags=moat
@test "hooks: no environment but the given" {
	edit --arg out "$T/env" '.hooks.createRuntime = [{path: "/bin/sh", args: ["sh", "-c", "/usr/bin/env >\($out)"]}]'
	SECRET=1 ok run --bundle "$B" "$CT"
	is "$(grep -v '^PWD=\|^_=' "$T/env")" ""
}

@test "hooks: prestart and createRuntime see the container's namespaces by its pid" {
	hook createRuntime "pid=\$(jq .pid); for n in net ipc uts mnt pid; do
		[ \$(readlink /proc/\$pid/ns/\$n) != \$(readlink /proc/self/ns/\$n) ] && echo \$n; done >'$T/other'
		nsenter -t \$pid -n ip link add hooked type dummy 2>/dev/null || nsenter -t \$pid -n cat /proc/net/dev >'$T/dev'"
	ok run --bundle "$B" "$CT"
	is "$(cat "$T/other")" $'net\nipc\nuts\nmnt\npid'
}

@test "hooks: createContainer runs in the container's namespaces, with the host's programs" {
	mkdir "$T/share"
	touch "$T/share/bound"
	bind "$T/share" /mnt
	edit '.root.readonly = true'
	hook createContainer "readlink /proc/self/ns/net /proc/self/ns/ipc /proc/self/ns/uts >'$T/ns'; pwd >'$T/cwd'; ls mnt >'$T/mnt'
		echo made >'$B/rootfs/etc/made'; jq .pid >'$T/pid'"
	args cat /etc/made
	ok create --bundle "$B" "$CT"
	is "$(cat "$T/ns")" "$(readlink /proc/"$(pid_of)"/ns/{net,ipc,uts})"
	is "$(cat "$T/cwd")" "$B/rootfs"
	is "$(cat "$T/mnt")" bound
	ok start "$CT"
	within 10 has_status stopped
	is "$(cat "$B/rootfs/etc/made")" made
	# Nothing of that was mounted on the host
	lacks "$(cat /proc/self/mountinfo)" "$B/rootfs/mnt"
}

# bats test_tags=moat
@test "hooks: createContainer has the pid that its /proc has" {
	hook createContainer "pid=\$(jq .pid); readlink /proc/\$pid/ns/net /proc/self/ns/net | uniq | wc -l >'$T/n'"
	ok create --bundle "$B" "$CT"
	is "$(cat "$T/n")" 1
}

@test "hooks: a failure of those of create undoes everything, and poststop follows" {
	local kind
	for kind in prestart createRuntime createContainer; do
		edit '.hooks = {}'
		rm -f "$T/log" "$T/never"
		hook "$kind" true
		hook "$kind" 'echo hookout; echo hookerr >&2; exit 4'
		hook "$kind" "touch '$T/never'"
		hook poststop "jq -r .status >>'$T/log'"
		ko 1 create --bundle "$B" --pid-file "$T/pid" "$CT"
		has "$stderr" "level=error" "hook #1: " "exit status 4, stdout: hookout" ", stderr: hookerr"
		[ ! -e "$T/never" ]
		is "$(cat "$T/log")" stopped
		nothing_left
	done
}

# bats test_tags=moat
@test "hooks: the words for a failure" {
	hook prestart 'echo hookerr >&2; exit 4'
	ko 1 create --bundle "$B" "$CT"
	message "moat create failed: unable to start container process: error during container init: error running prestart hook #0: exit status 4, stdout: , stderr: hookerr"
	edit '.hooks = {createRuntime: [{path: "/nonexistent"}]}'
	ko 1 create --bundle "$B" "$CT"
	message "moat create failed: unable to start container process: error during container init: error running createRuntime hook #0: fork/exec /nonexistent: no such file or directory"
	edit '.hooks = {createContainer: [{path: "/etc/passwd"}]}'
	ko 1 create --bundle "$B" "$CT"
	message "moat create failed: unable to start container process: error during container init: error running createContainer hook #0: fork/exec /etc/passwd: permission denied"
	nothing_left
}

# runc waits for the child, which holds the other ends of its pipes.
# bats test_tags=moat
@test "hooks: a timeout ends the whole group" {
	hook prestart "echo \$\$ >'$T/leader'; sleep 1000 & echo \$! >'$T/child'; wait" '.timeout = 1'
	local from=$SECONDS
	ko 1 create --bundle "$B" "$CT"
	has "$stderr" "hook ran past specified timeout of 1.0s"
	((SECONDS - from < 15))
	gone "$(cat "$T/leader")"
	within 5 gone "$(cat "$T/child")"
	nothing_left
}

# runc only tells the log of the container's process.
# bats test_tags=moat
@test "hooks: a failure of startContainer ends start, and the container" {
	hook startContainer 'echo no >&2; exit 7'
	log_hook poststop
	script 'echo program'
	ok create --bundle "$B" "$CT"
	ko 1 start "$CT"
	message "unable to start container process: error running startContainer hook #0: exit status 7, stdout: , stderr: no"
	is "$(cat "$T/log")" "poststop stopped"
	nothing_left
	ko 1 run --bundle "$B" "$CT"
	has "$stderr" "error running startContainer hook #0: exit status 7"
	is "$output" ""
	nothing_left
	# Only what is in the container counts
	edit '.hooks = {startContainer: [{path: "/usr/bin/jq"}]}'
	ko 1 run --bundle "$B" "$CT"
	has "$stderr" "error running startContainer hook #0: fork/exec /usr/bin/jq: no such file or directory"
	nothing_left
}

# bats test_tags=moat
@test "hooks: startContainer may take longer than a request, up to its timeout" {
	hook startContainer 'sleep 12' '.timeout = 20'
	args echo program
	ok run --bundle "$B" "$CT"
	is "$output" program
	edit '.hooks.startContainer[0].timeout = 1'
	ko 1 run --bundle "$B" "$CT"
	has "$stderr" "hook ran past specified timeout of 1.0s"
	nothing_left
}

# bats test_tags=moat
@test "hooks: who does not want to wait for startContainer kills" {
	hook startContainer 'sleep 1000'
	ok create --bundle "$B" "$CT"
	background cli start "$CT"
	sleep 1
	ok kill "$CT" KILL
	reaped "$PID"
	within 10 has_status stopped
	ok delete --force "$CT"
}

# bats test_tags=moat
@test "hooks: startContainer as the user of the program, after its privileges went" {
	mkdir -m 777 "$T/share"
	bind "$T/share" /mnt
	edit '.process.user = {uid: 1000, gid: 1000} | .process.noNewPrivileges = true'
	hook startContainer 'id -u >/mnt/id; grep -E "CapEff|NoNewPrivs" /proc/self/status >/mnt/status'
	ok run --bundle "$B" "$CT"
	is "$(cat "$T/share/id")" 1000
	is "$(cat "$T/share/status")" $'CapEff:\t0000000000000000\nNoNewPrivs:\t1'
}

# bats test_tags=moat
@test "hooks: failures of poststart and poststop are only told" {
	hook poststart 'exit 5'
	log_hook poststart
	hook poststop 'exit 6'
	log_hook poststop
	args sleep 1000
	ok create --bundle "$B" "$CT"
	ok start "$CT"
	has "$stderr" "level=warning" "error running poststart hook #0: exit status 5"
	has_status running
	ok delete --force "$CT"
	has "$stderr" "level=warning" "error running poststop hook #0: exit status 6"
	is "$(cat "$T/log")" $'poststart running\npoststop stopped'
}

# bats test_tags=moat
@test "hooks: commands on the same container do not wait for each other" {
	local cli="'$BIN' ${OPTIONS[*]} --root '$ROOT'" from=$SECONDS
	hook createRuntime "exec >'$T/create' 2>&1; $cli state $CT | jq -r .status; $cli state $CT | jq .pid; $cli start $CT; $cli pause $CT
		$cli delete $CT; $cli exec $CT true; $cli create --bundle '$B' $CT; $cli list -q; true"
	hook poststart "exec >'$T/start' 2>&1; $cli exec $CT echo from exec; $cli pause $CT; $cli resume $CT; $cli state $CT | jq -r .status; true"
	hook poststop "exec >'$T/stop' 2>&1; $cli state $CT; $cli delete $CT; $cli delete --force $CT; true"
	args sleep 1000
	ok create --bundle "$B" "$CT"
	is "$(sed 's/^time="[^"]*" level=error msg=//' "$T/create")" "creating
$(pid_of)
\"cannot start a container that is still being created\"
\"container not running\"
\"cannot delete container $CT that is not stopped: creating\"
\"exec failed: cannot exec in a container that is still being created\"
\"moat create failed: container with given ID already exists\"
$CT"
	ok start "$CT"
	is "$(cat "$T/start")" $'from exec\nrunning'
	ok delete --force "$CT"
	is "$(sed 's/^time="[^"]*" level=error msg=//' "$T/stop")" $'"container does not exist"\n"container does not exist"'
	((SECONDS - from < 20))
}

# bats test_tags=moat
@test "hooks: one that kills or deletes its own container" {
	local cli="'$BIN' ${OPTIONS[*]} --root '$ROOT'"
	hook poststart "$cli delete --force $CT"
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	nothing_left
	edit '.hooks = {}'
	hook createRuntime "$cli kill $CT KILL; true"
	ko 1 run --bundle "$B" "$CT"
	nothing_left
	# The machine goes at once, the rest when create notices
	edit '.hooks = {}'
	hook createRuntime "$cli delete --force $CT; true"
	ko 1 run --bundle "$B" "$CT"
	nothing_left
}

# bats test_tags=moat
@test "hooks: odd ones" {
	# 1 GB of output, stdin not read, a daemon that holds on to stdout, the bundle deleted
	hook prestart 'head -c 1000000000 /dev/zero >&2'
	hook prestart 'exec <&-; true'
	hook prestart "setsid sleep 1000 & echo \$! >'$T/daemon'"
	cp -r "$B" "$T/doomed"
	hook createRuntime "rm -r '$T/doomed/config.json'"
	log_hook poststop
	mv "$B/config.json" "$T/doomed/config.json"
	ok run --bundle "$T/doomed" "$CT"
	STARTED+=("$(cat "$T/daemon")")
	is "$(cat "$T/log")" "poststop stopped"
}

# bats test_tags=moat
@test "hooks: a killed create leaves its poststop hooks to delete --force" {
	hook createRuntime "touch '$T/in'; exec sleep 1000"
	log_hook poststop
	background cli create --bundle "$B" "$CT"
	within 20 test -e "$T/in"
	kill -KILL "$PID"
	reaped "$PID"
	ok delete --force "$CT"
	is "$(cat "$T/log")" "poststop stopped"
	nothing_left
}

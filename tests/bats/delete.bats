#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# delete --force ends clean from every state, whatever was killed before

load helpers

@test "delete: --force of an unknown id is silent" {
	ok delete --force "$CT"
	is "$output$stderr" ""
	[ ! -e "$ROOT/$CT" ]
}

@test "delete: --force of a created container" {
	args sleep 1000
	ok create --bundle "$B" "$CT"
	clean_delete
}

@test "delete: --force of a running container" {
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	clean_delete
	clean_delete
}

@test "delete: --force of a paused container" {
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	ok pause "$CT"
	clean_delete
}

@test "delete: --force of a stopped container" {
	ok run --keep --bundle "$B" "$CT"
	clean_delete
}

@test "delete: the id can be used again" {
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	clean_delete
	ok run --detach --bundle "$B" "$CT"
	ok exec "$CT" true
}

# clean_delete: nothing is left at once
clean_delete()
{
	ok delete --force "$CT"
	is "$output$stderr" ""
	[ ! -e "$ROOT/$CT" ]
	# The last process may still wait for its parent to reap it.
	within 10 nothing_new "$T/host.before"
}

# ---- what the kernel or an administrator may do to the processes ----

# processes NAME: pids of the container's host processes that run that program
processes()
{
	local pid
	find /sys/fs/cgroup -path "*/$CT/cgroup.procs" -exec cat {} + | sort -u | while read -r pid; do
		[[ $(readlink "/proc/$pid/exe") != *"/$1"* ]] || echo "$pid"
	done
}

# kill_one NAME [SIGNAL]: the container must be stopped then, by itself and with everything else
kill_one()
{
	args sleep 1000
	ok run --detach --pid-file "$T/pid" --bundle "$B" "$CT"
	local pids
	pids=$(processes "$1")
	[ -n "$pids" ] || { echo "no $1"; return 1; }
	# shellcheck disable=SC2086
	kill -"${2:-KILL}" $pids
	within 20 has_status stopped
	within 20 gone "$(cat "$T/pid")"
	within 20 empty_cgroup
	is "$(pid_of)" 0
	ko 1 kill "$CT" KILL
	message "container not running"
	ko 255 exec "$CT" true
	message "exec failed: cannot exec in a stopped container"
}

empty_cgroup()
{
	is "$(find /sys/fs/cgroup -path "*/$CT/cgroup.procs" -exec cat {} +)" ""
}

# bats test_tags=moat
@test "delete: after SIGKILL of the monitor" {
	kill_one moat-monitor
	ok delete "$CT"
}

# bats test_tags=moat
@test "delete: after SIGKILL of QEMU" {
	kill_one qemu-system
	ok delete "$CT"
}

# bats test_tags=moat
@test "delete: after SIGKILL of virtiofsd" {
	kill_one virtiofsd
	ok delete "$CT"
}

# bats test_tags=moat
@test "delete: after SIGKILL of the stand-in" {
	kill_one moat-standin
	ok delete "$CT"
}

# bats test_tags=moat
@test "delete: after SIGKILL of everything" {
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	# shellcheck disable=SC2046
	kill -KILL $(processes "")
	within 20 has_status stopped
	clean_delete
}

# bats test_tags=moat
@test "delete: while nothing of it answers" {
	args sleep 1000
	local name
	for name in qemu-system moat-monitor virtiofsd moat-standin; do
		ok run --detach --bundle "$B" "$CT"
		# shellcheck disable=SC2046
		kill -STOP $(processes "$name")
		LIMIT=20 ok state "$CT"
		LIMIT=20 ok list -q
		LIMIT=60 clean_delete
	done
}

# bats test_tags=moat
@test "delete: kill KILL of a VM that hangs" {
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	# shellcheck disable=SC2046
	kill -STOP $(processes qemu-system)
	LIMIT=60 rt kill "$CT" KILL
	within 60 has_status stopped
	ok delete "$CT"
}

# bats test_tags=moat
@test "delete: a foreground run whose VM dies" {
	args sleep 1000
	background cli run --bundle "$B" "$CT" 2>"$T/err"
	within 60 has_status running
	# shellcheck disable=SC2046
	kill -KILL $(processes qemu-system)
	reaped "$PID"
	is "$status" 137
	within 10 nothing_new "$T/host.before"
}

# bats test_tags=moat
@test "delete: the guest goes down by itself" {
	# With this right a container can take its own VM down, and nothing else.
	edit '.process.capabilities.bounding += ["CAP_SYS_BOOT"] | .process.capabilities.effective += ["CAP_SYS_BOOT"]
		| .process.capabilities.permitted += ["CAP_SYS_BOOT"] | .linux.namespaces = [.linux.namespaces[] | select(.type != "user")]'
	script 'exec reboot -f'
	ok create --bundle "$B" "$CT"
	ok start "$CT"
	within 60 has_status stopped
	ok delete "$CT"
}

# bats test_tags=moat
@test "delete: after SIGKILL of create, wherever it was" {
	args sleep 1000
	local total n step=${MOAT_TEST_KILL_STEP:-37}
	# Run once to its end: how many system calls there are
	try "$TOOLS/killat" 0 "$BIN" "${OPTIONS[@]}" --root "$ROOT" create --bundle "$B" "$CT"
	[ "$status" = 0 ]
	total=$(sed -n 's/^ended after //p' <<<"$stderr")
	clean_delete
	for ((n = 1; n <= total; n += step)); do
		try "$TOOLS/killat" $n "$BIN" "${OPTIONS[@]}" --root "$ROOT" create --bundle "$B" "$CT"
		LIMIT=20 rt state "$CT"
		((status < 2))
		LIMIT=20 ok list
		ok delete --force "$CT"
		is "$output$stderr" ""
		within 20 nothing_new "$T/host.before" || { echo "after a kill at system call $n of $total"; return 1; }
		[ -z "$(entries "$ROOT")" ]
	done
	ok create --bundle "$B" "$CT"
}

# bats test_tags=moat
@test "delete: after SIGKILL of delete, wherever it was" {
	args sleep 1000
	local total n
	ok run --detach --bundle "$B" "$CT"
	try "$TOOLS/killat" 0 "$BIN" "${OPTIONS[@]}" --root "$ROOT" delete --force "$CT"
	[ "$status" = 0 ]
	total=$(sed -n 's/^ended after //p' <<<"$stderr")
	for ((n = total / 6; n <= total; n += total / 6)); do
		ok run --detach --bundle "$B" "$CT"
		try "$TOOLS/killat" $n "$BIN" "${OPTIONS[@]}" --root "$ROOT" delete --force "$CT"
		clean_delete
	done
}

# bats test_tags=moat
@test "delete: after SIGKILL of a foreground run" {
	args sleep 1000
	background cli run --bundle "$B" "$CT"
	within 60 has_status running
	kill -KILL "$PID"
	reaped "$PID"
	clean_delete
}

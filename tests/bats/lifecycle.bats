#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# create, start, kill, delete in their order; what each says in the wrong one; what the caller of create sees of the process.

load helpers

@test "lifecycle: create, state, start, exec, kill, delete" {
	mkdir "$T/share"
	bind "$T/share" /mnt
	edit '.annotations = {"com.example.key": "value"}'
	script 'echo started >/mnt/started; trap "exit 0" TERM; while :; do sleep 0.1; done'
	ok create --bundle "$B" --pid-file "$T/pid" "$CT"
	is "$output$stderr" ""

	ok state "$CT"
	is "$(jq -c 'del(.ociVersion, .created, .owner)' <<<"$output")" "$(jq -nc --arg id "$CT" --arg b "$B" --argjson pid "$(cat "$T/pid")" \
		'{id: $id, pid: $pid, status: "created", bundle: $b, rootfs: ($b + "/rootfs"), annotations: {"com.example.key": "value"}}')"
	jq -e '.ociVersion | startswith("1.")' <<<"$output"
	jq -e '.created | test("^20[0-9-]+T[0-9:]+\\.[0-9]+Z$")' <<<"$output"
	is "$(wc -c <"$T/pid")" "$(printf %s "$(cat "$T/pid")" | wc -c)"

	# The process is there, but the program has not run; a second command in the container has run meanwhile.
	ok exec "$CT" true
	is "$(ls "$T/share")" ""
	kill -0 "$(cat "$T/pid")"

	ok start "$CT"
	is "$output$stderr" ""
	within 60 grep -q started "$T/share/started"
	has_status running
	is "$(pid_of)" "$(cat "$T/pid")"

	ok exec "$CT" ls /mnt
	is "$output" started

	ok kill "$CT" TERM
	within 60 has_status stopped
	is "$(pid_of)" 0
	within 60 gone "$(cat "$T/pid")"

	ok delete "$CT"
	ko 1 state "$CT"
	message "container does not exist"
}

# answers STATE <<TABLE: lines "COMMAND|EXIT CODE|MESSAGE", in which % is the container; the state stays as it is
answers()
{
	local command code text
	while IFS='|' read -r command code text; do
		# shellcheck disable=SC2086
		ko "$code" ${command//%/"$CT"} </dev/null
		[ -z "$text" ] || message "${text//%/"$CT"}"
		[ "$1" = none ] || has_status "$1"
	done
}

@test "lifecycle: states and the commands that do not fit them" {
	args sleep 1000
	answers none <<-END
		state %|1|container does not exist
		start %|1|container does not exist
		kill % 9|1|container does not exist
		kill % 0|1|container does not exist
		exec % true|255|exec failed: container does not exist
		pause %|1|container does not exist
		resume %|1|container does not exist
		delete %|1|container does not exist
		delete --force %|0|
	END

	ok create --bundle "$B" "$CT"
	answers created <<-END
		create --bundle $B %|1|$RUNTIME create failed: container with given ID already exists
		run --bundle $B %|1|$RUNTIME run failed: container with given ID already exists
		exec % true|0|
		resume %|1|container not paused
		kill % BOGUS|1|unknown signal "BOGUS"
	END

	ok start "$CT"
	answers running <<-END
		start %|1|cannot start an already running container
		create --bundle $B %|1|$RUNTIME create failed: container with given ID already exists
		resume %|1|container not paused
		delete %|1|cannot delete container % that is not stopped: running
		kill % BOGUS|1|unknown signal "BOGUS"
	END

	ok pause "$CT"
	answers paused <<-END
		pause %|1|container not running
		start %|1|cannot start a container in the paused state
		exec % true|255|exec failed: cannot exec in a paused container (use --ignore-paused to override)
		delete %|1|cannot delete container % that is not stopped: paused
	END
	ok resume "$CT"
	has_status running

	ok kill -a "$CT" KILL
	within 60 has_status stopped
	answers stopped <<-END
		start %|1|cannot start a container that has stopped
		kill % KILL|1|container not running
		kill % 0|1|container not running
		kill -a % 9|0|
		exec % true|255|exec failed: cannot exec in a stopped container
		pause %|1|container not running
		resume %|1|container not paused
		create --bundle $B %|1|$RUNTIME create failed: container with given ID already exists
	END
	ok delete "$CT"
	ko 1 delete "$CT"
	message "container does not exist"
}

@test "lifecycle: a created container is deleted without force" {
	args sleep 1000
	ok create --bundle "$B" "$CT"
	local pid
	pid=$(pid_of)
	ok delete "$CT"
	within 60 gone "$pid"
}

@test "lifecycle: the program ends by itself" {
	script 'exit 3'
	ok create --bundle "$B" --pid-file "$T/pid" "$CT"
	ok start "$CT"
	within 60 has_status stopped
	within 60 gone "$(cat "$T/pid")"
	ok delete "$CT"
}

@test "lifecycle: errors of create leave nothing" {
	args /nonexistent
	ko 1 create --bundle "$B" --pid-file "$T/pid" "$CT"
	message "$RUNTIME create failed: unable to start container process: exec: \"/nonexistent\": stat /nonexistent: no such file or directory"
	ko 1 state "$CT"
	message "container does not exist"
	[ ! -e "$T/pid" ]
	within 10 nothing_new "$T/host.before"
}

@test "lifecycle: signals by name and number" {
	mkdir "$T/share"
	bind "$T/share" /mnt
	script 'for s in HUP INT QUIT USR1 USR2 TERM WINCH; do trap "echo $s >>/mnt/log" $s; done; touch /mnt/ready; while :; do sleep 0.1; done'
	ok run --detach --bundle "$B" "$CT"
	within 60 test -e "$T/share/ready"
	local n=0 s
	for s in HUP SIGINT 3 USR1 sigusr2 15 28; do
		ok kill "$CT" "$s"
		n=$((n + 1))
		within 60 lines "$T/share/log" $n
	done
	ok kill "$CT"
	within 60 lines "$T/share/log" 8
	is "$(tr '\n' ' ' <"$T/share/log")" "HUP INT QUIT USR1 USR2 TERM WINCH TERM "
	for s in SIGFOO 65 -1 9999999999; do
		rt kill "$CT" $s
		[ "$status" = 1 ]
	done
	has_status running
}

lines()
{
	[ "$(wc -l <"$1")" = "$2" ]
}

@test "lifecycle: kill --all reaches every process" {
	script 'sleep 1001 & sleep 1002 & sleep 1003'
	ok run --detach --bundle "$B" "$CT"
	ok exec --detach "$CT" sleep 1004
	within 60 sleeping 4
	ok kill --all "$CT" KILL
	within 60 has_status stopped
}

sleeping()
{
	is "$("$BIN" --root "$ROOT" exec "$CT" sh -c 'ps -o comm | grep -c "^sleep$"' 3>&-)" "$1"
}

# ---- what containerd's shim and conmon do ----

@test "lifecycle: a subreaper gets the process's exit code" {
	script 'exit 23'
	rt_subreaper create --bundle "$B" --pid-file "$T/pid" "$CT" :: start "$CT"
	has "$output" "command 0 exit 0" "command 1 exit 0" "orphan $(cat "$T/pid") exit 23"
}

@test "lifecycle: a subreaper gets the process's signal" {
	args sleep 1000
	rt_subreaper create --bundle "$B" --pid-file "$T/pid" "$CT" :: start "$CT" :: kill "$CT" KILL
	has "$output" "command 2 exit 0"
	killed "$(cat "$T/pid")"
	ok delete "$CT"
}

@test "lifecycle: a subreaper gets the exit code of an exec" {
	script 'trap "exit 0" TERM; touch /dev/shm/ready; while :; do sleep 0.1; done'
	rt_subreaper run --detach --pid-file "$T/pid" --bundle "$B" "$CT" :: \
		exec --detach --pid-file "$T/exec" "$CT" sh -c 'exit 99' :: \
		exec --detach --pid-file "$T/killed" "$CT" sh -c 'kill -KILL $$' :: \
		exec --detach --pid-file "$T/term" "$CT" sleep 1000 :: \
		exec "$CT" sh -c 'until [ -e /dev/shm/ready ]; do sleep 0.1; done' :: kill "$CT" TERM
	has "$output" "orphan $(cat "$T/exec") exit 99" "orphan $(cat "$T/pid") exit 0"
	killed "$(cat "$T/killed")"
	killed "$(cat "$T/term")"
}

@test "lifecycle: nothing of a deleted container is left to a subreaper" {
	args sleep 1000
	rt_subreaper create --bundle "$B" --pid-file "$T/pid" "$CT" :: delete --force "$CT"
	has "$output" "command 0 exit 0" "command 1 exit 0"
	killed "$(cat "$T/pid")"
	lacks "$output" timeout
}

# killed PID: the subreaper saw its death by SIGKILL. An init of a pid namespace cannot kill itself: then it says 137.
killed()
{
	grep -Ex "orphan $1 (signal 9|exit 137)" <<<"$output"
}

# rt_subreaper COMMAND [:: COMMAND]...: each the runtime's
rt_subreaper()
{
	local word all=()
	all=("$BIN" "${OPTIONS[@]}" --root "$ROOT")
	for word; do
		all+=("$word")
		[ "$word" != :: ] || all+=("$BIN" "${OPTIONS[@]}" --root "$ROOT")
	done
	try "$TOOLS/subreaper" "${all[@]}"
	[ "$status" = 0 ]
}

@test "lifecycle: the process is the leader of a session" {
	args sleep 1000
	ok create --bundle "$B" "$CT"
	local pid
	pid=$(pid_of)
	# conmon signals the whole group: it must not be the caller's.
	is "$(ps -o sid=,pgid= -p "$pid" | tr -d ' ')" "$pid$pid"
}

@test "lifecycle: the pid stays the same process" {
	args sleep 1000
	ok create --bundle "$B" --pid-file "$T/pid" "$CT"
	local before
	before=$(start_time "$(cat "$T/pid")")
	ok start "$CT"
	ok exec "$CT" true
	is "$(start_time "$(pid_of)")" "$before"
}

start_time()
{
	cut -d' ' -f22 "/proc/$1/stat"
}

@test "lifecycle: a relative pid file, and one that is replaced" {
	args sleep 1000
	cd "$T"
	echo 99999 >pid
	ok create --bundle "$B" --pid-file pid "$CT"
	is "$(cat "$T/pid")" "$(pid_of)"
}

# runc has no lock: two may win, or none.
# bats test_tags=moat
@test "lifecycle: many creates of one id, one wins" {
	args sleep 1000
	local i pids=() won=0
	for i in 1 2 3 4; do
		cli create --bundle "$B" "$CT" >"$T/out.$i" 2>"$T/err.$i" 3>&- &
		pids+=($!)
	done
	for i in 0 1 2 3; do
		if wait "${pids[i]}"; then won=$((won + 1)); fi
	done
	cat "$T"/err.*
	[ $won = 1 ]
	is "$(grep -l 'container with given ID already exists' "$T"/err.* | wc -l)" 3
	has_status created
}

# bats test_tags=moat
@test "lifecycle: create against delete --force" {
	args sleep 1000
	local i
	for i in 1 2 3 4; do
		background cli create --bundle "$B" "$CT" >"$T/out" 2>"$T/err"
		within 60 test -d "$ROOT/$CT"
		ok delete --force "$CT"
		reaped "$PID"
		cat "$T/err"
		if [ "$status" = 0 ]; then
			ok delete --force "$CT"
		fi
		within 10 nothing_new "$T/host.before"
		[ ! -e "$ROOT/$CT" ]
	done
}

# bats test_tags=moat
@test "lifecycle: kills and deletes at the same time" {
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	local i pids=()
	for i in 1 2 3; do
		cli kill "$CT" KILL >"$T/kill.$i" 2>&1 3>&- &
		pids+=($!)
		cli delete --force "$CT" >"$T/delete.$i" 2>&1 3>&- &
		pids+=($!)
		cli state "$CT" >"$T/state.$i" 2>&1 3>&- &
		pids+=($!)
	done
	for i in "${!pids[@]}"; do
		reaped "${pids[i]}"
		((i % 3 != 1)) || [ "$status" = 0 ]
		((status < 2))
	done
	cat "$T"/kill.* "$T"/delete.*
	[ ! -e "$ROOT/$CT" ]
}

# bats test_tags=moat
@test "lifecycle: everything on one id at once" {
	args sleep 1000
	local worker pids=() until=$((SECONDS + ${MOAT_TEST_RACE_SECONDS:-12}))
	for worker in 1 2 3 4 5 6 7 8; do
		work $worker >"$T/worker.$worker" 2>&1 3>&- &
		pids+=($!)
	done
	for worker in 1 2 3 4 5 6 7 8; do
		reaped "${pids[worker - 1]}"
		[ "$status" = 0 ] || { cat "$T/worker.$worker"; return 1; }
	done
	ok delete --force "$CT"
	[ ! -e "$ROOT/$CT" ]
	within 20 nothing_new "$T/host.before"
}

# work NUMBER: a worker's commands, of which most fail; none may hang, crash, or print half an object
work()
{
	local round=0 verb code
	while ((SECONDS < until || round == 0)); do
		round=$((round + 1))
		for verb in "create --bundle $B" start "exec ID true" state "kill ID KILL" state "delete --force" "list -f json"; do
			# Each worker begins elsewhere.
			[ "$1 $round" != "3 1" ] || [ "$verb" != "create --bundle $B" ] || continue
			[[ $verb == *ID* ]] || [[ $verb == list* ]] || verb="$verb ID"
			code=0
			# shellcheck disable=SC2086
			timeout -k 5 90 "$BIN" "${OPTIONS[@]}" --root "$ROOT" ${verb//ID/$CT} >"$T/out.$1" 2>"$T/err.$1" </dev/null || code=$?
			case $verb:$code in
			*:0 | *:1 | exec*:255 | exec*:137) ;;
			*)
				echo "$verb: exit code $code"
				cat "$T/err.$1"
				return 1
				;;
			esac
			if [ $code = 0 ] && [[ $verb == state* || $verb == list* ]]; then
				jq -e . "$T/out.$1" >/dev/null || [ "$(cat "$T/out.$1")" = null ] || { cat "$T/out.$1"; return 1; }
			fi
		done
	done
}

# What podman, containerd and CRI-O write, each in its own way (clients.md, section 1)
@test "lifecycle: forms of options" {
	args sleep 1000
	ok --log-format=json --log "$T/log" create --no-pivot --no-new-keyring --preserve-fds 0 --pid-file="$T/pid" -b "$B" "$CT"
	ok start "$CT"
	ok exec -d --pid-file "$T/exec" "$CT" sleep 1000
	ok ps --format=json "$CT"
	ok -log-format json -log "$T/log" update -pids-limit=100 "$CT"
	ok list -f json
	ok kill -a "$CT" 9
	within 60 has_status stopped
	ok kill --all=true "$CT" 9
	ok delete -f "$CT"
}

# bats test_tags=moat
@test "lifecycle: descriptors that are not there are refused" {
	ko 1 create --preserve-fds 2 --bundle "$B" "$CT"
	message "$RUNTIME create failed: --preserve-fds: descriptor 3: bad file descriptor"
	ko 1 run --preserve-fds=2 --bundle "$B" "$CT"
	message "$RUNTIME run failed: --preserve-fds: descriptor 3: bad file descriptor"
	[ ! -e "$ROOT/$CT" ]
}

# bats test_tags=moat
@test "lifecycle: checkpoint and restore are refused, however they are called" {
	ko 1 checkpoint --image-path "$T/image" --leave-running "$CT"
	message "checkpoint and restore are not supported: the processes are in a virtual machine"
	ko 1 restore --detach --bundle "$B" "$CT"
	message "checkpoint and restore are not supported: the processes are in a virtual machine"
}

# As podman 5 does it with /etc/hosts
@test "lifecycle: what is written to a bind mount between create and start is there" {
	: >"$T/hosts"
	bind "$T/hosts" /etc/container
	args cat /etc/container
	cli create --bundle "$B" "$CT" >"$T/out" 2>&1
	echo written >"$T/hosts"
	ok start "$CT"
	within 20 grep -qx written "$T/out"
	ok delete --force "$CT"
}

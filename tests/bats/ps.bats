#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# ps: the table shows what runs in the container, the JSON has the host's pids.

load helpers

setup_file()
{
	shared_container 'sleep 1001 & exec sleep 1000'
}

setup()
{
	share
}

teardown()
{
	unshare_
}

teardown_file()
{
	shared_delete
}

# The table's COMMAND column, sorted
commands()
{
	tail -n +2 <<<"$output" | awk '{ for (i = 8; i <= NF; i++) printf "%s%s", $i, i < NF ? " " : "\n" }' | sort
}

@test "ps: the table is that of ps -ef" {
	ok ps "$CT"
	is "$(head -n 1 <<<"$output" | tr -s ' ')" "UID PID PPID C STIME TTY TIME CMD"
	is "$(commands)" $'sleep 1000\nsleep 1001'
	# user, pid, parent, percent, start, terminal, time
	is "$(tail -n +2 <<<"$output" | grep -cE '^root +[1-9][0-9]* +[0-9]+ +[0-9]+ ([0-9]{2}:[0-9]{2}|[A-Z][a-z]{2}[0-9]{2}) \? +00:00:0[0-9] sleep 100[01]$')" 2
	ok ps --format table "$CT"
	is "$(commands)" $'sleep 1000\nsleep 1001'
}

@test "ps: an exec is in the table while it runs, and its child of init's too" {
	ok exec --detach --user 54321 "$CT" sleep 2000
	ok ps "$CT"
	is "$(commands)" $'sleep 1000\nsleep 1001\nsleep 2000'
	grep -E '^54321 .* sleep 2000$' <<<"$output"
	ok exec "$CT" sh -c 'kill $(pidof sleep | tr " " "\n" | while read p; do grep -q 2000 /proc/$p/cmdline && echo $p; done)'
	within 20 sleeps 2
}

sleeps()
{
	ok ps "$CT"
	is "$(grep -c 'sleep [12]00[01]$' <<<"$output")" "$1"
}

@test "ps: the JSON has processes of the host" {
	ok exec --detach --pid-file "$T/exec" "$CT" sleep 3
	ok ps --format json "$CT"
	local pid
	jq -e 'type == "array"' <<<"$output"
	jq -e --argjson init "$(pid_of)" --argjson exec "$(cat "$T/exec")" 'index($init) != null and index($exec) != null' <<<"$output"
	for pid in $(jq '.[]' <<<"$output"); do
		kill -0 "$pid"
	done
	is "$(jq -c . <<<"$output")" "$output"
	# As docker top does it.
	ps -ef -q "$(jq -r 'map(tostring) | join(",")' <<<"$output")" | grep -E 'sleep 1000$'
	ok ps -f json "$CT" -o pid
}

# Stand-ins only: neither monitor nor QEMU, whatever the cgroup holds.
# bats test_tags=moat
@test "ps: the JSON has one pid for init and one for each exec" {
	ok ps -f json "$CT"
	is "$output" "[$(pid_of)]"
	ok exec --detach --pid-file "$T/exec" "$CT" sleep 3
	ok ps -f json "$CT"
	is "$output" "[$(printf '%s\n' "$(pid_of)" "$(cat "$T/exec")" | sort -n | paste -sd,)]"
}

@test "ps: columns of choice" {
	ok ps "$CT" -o pid,args
	is "$(head -n 1 <<<"$output" | tr -s ' ')" " PID COMMAND"
	is "$(tail -n +2 <<<"$output" | awk '{ print $2, $3 }' | sort)" $'sleep 1000\nsleep 1001'
	ok ps "$CT" -e -o pid,comm
	ko 1 ps "$CT" -o comm
	message "couldn't find PID field in ps output"
}

@test "ps: formats and ids that are none" {
	ko 1 ps --format yaml "$CT"
	message "invalid format option"
	ko 1 ps nope
	message "container does not exist"
	ko 1 ps --format json nope
	message "container does not exist"
	ko 1 ps
	has "$stderr" '\"ps\" requires a minimum of 1 argument(s)'
}

# bats test_tags=moat
@test "ps: options that the guest's table has not" {
	ko 1 ps "$CT" aux
	message "ps options: 'u' is not supported (-ef and -o COLUMN,... are)"
	ko 1 ps "$CT" -o pid,bogus
	message "ps options: no column 'bogus' in the guest's table"
}

# bats test_tags=moat
@test "ps: command lines cannot play with the terminal" {
	ok exec --detach "$CT" sh -c $'sleep 3; : \033]0;owned\007\302\233'
	ok ps "$CT"
	not grep -qP '[\x00-\x08\x0b-\x1f\x7f-\xff]' "$T/stdout"
	has "$output" ": ?]0;owned??"
}

# bats test_tags=moat
@test "ps: more processes and longer lines than fit" {
	ROOT=$T/root CT=$CT-own
	make_bundle
	script 'long=$(printf "%4000s" | tr " " "\\\\"); i=0; while [ $i -lt 300 ]; do sh -c "sleep 1000 || $long" & i=$((i + 1)); done; wait'
	ok run --detach --bundle "$B" "$CT"
	within 60 many
	has "$stderr" "level=warning" "more processes are not shown"
	# The guest's agent is none the worse for it.
	ok exec "$CT" true
}

many()
{
	ok ps "$CT"
	grep -q "more processes" <<<"$stderr"
}

@test "ps: created, paused and stopped" {
	ROOT=$T/root CT=$CT-own
	make_bundle
	args sleep 1000
	ok create --bundle "$B" "$CT"
	ok ps "$CT"
	is "$(wc -l <<<"$output")" 2
	ok ps -f json "$CT"
	is "$output" "[$(pid_of)]"
	ok start "$CT"
	ok pause "$CT"
	ok ps "$CT"
	is "$(commands)" "sleep 1000"
	ok resume "$CT"
	ok kill "$CT" KILL
	within 60 has_status stopped
	ok ps "$CT"
	is "$(tr -s ' ' <<<"$output")" "UID PID PPID C STIME TTY TIME CMD"
	ok ps -f json "$CT"
	is "$output" null
}

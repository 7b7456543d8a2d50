# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the bats files share. In a test:
#
#	T ROOT B CT	its directory, its state directory, its bundle, the container id to use
#	rt ARG...	runs the runtime under --root $ROOT; sets status, output, stderr
#	ok, ko CODE	the same, and the exit code must be 0 or CODE
#
# At its end every container in $ROOT is deleted and nothing may be left on the host.
# RUNTIME=runc runs the files against runc; what has the tag "moat" is left out then.

bats_require_minimum_version 1.8.0

TOP=$(cd -- "${BASH_SOURCE[0]%/*}/../.." && pwd)
BUILD=${BUILD:-build}
[[ $BUILD == /* ]] || BUILD=$TOP/$BUILD
RUNTIME=${RUNTIME:-moat}
case $RUNTIME in
moat) BIN=${MOAT:-$BUILD/release/moat} ;;
*) BIN=$(command -v "$RUNTIME") ;;
esac
TOOLS=$BUILD/release/tests/tools
export LC_ALL=C
export TOP BUILD RUNTIME BIN TOOLS

# ---- set-up and clean-up ----

setup()
{
	begin
	make_bundle
}

teardown()
{
	finish
}

# Global options of the runtime: a configuration of the tests' own, whatever /etc has
set_options()
{
	OPTIONS=()
	[ "$RUNTIME" != moat ] || OPTIONS=(--config "$CONFIG")
}

# The variables of a test, and what the host looks like before it
begin()
{
	exec </dev/null
	T=$BATS_TEST_TMPDIR
	ROOT=$T/root
	CT=$SUITE-$BATS_SUITE_TEST_NUMBER
	STARTED=()
	TEST_PID=$BASHPID
	set_options
	give_templates "$ROOT"
	host_things >"$T/host.before"
}

finish()
{
	local pid bad=0
	[ -n "${BATS_TEST_COMPLETED:-}" ] || show_logs
	for pid in "${STARTED[@]}"; do
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	delete_all "$ROOT" || bad=1
	within 10 nothing_new "$T/host.before" || bad=1
	# Each has hundreds of links to the base's busybox, of which a file can only have so many.
	rm -rf "$T"/bundle*
	return $bad
}

# delete_all ROOT: every container in it, and then ROOT must be empty, or have the templates that it was given
delete_all()
{
	local id
	while read -r id; do
		timeout 60 "$BIN" --root "$1" delete --force "$id" 3>&- </dev/null || echo "delete --force $id: failed"
	done < <(entries "$1")
	[ -z "$(entries "$1")" ] && same_templates "$1" && return 0
	echo "left in the state directory:"
	ls -lAR "$1"
	return 1
}

# show_logs: of a test that has failed, what its programs wrote and what its VMs said
show_logs()
{
	local file
	for file in "$T"/out "$ROOT"/*/{state.json,monitor.log,console.log}; do
		[ ! -s "$file" ] || { echo "--- ${file#"$T/"}"; tail -n 40 "$file" | head -c 4000 | tr -d '\0'; echo; }
	done
}

# entries ROOT: what is in a state directory, but for templates
entries()
{
	[ ! -d "$1" ] || find "$1" -mindepth 1 -maxdepth 1 ! -name @templates -printf '%f\n'
}

# give_templates ROOT: what the suite has made, so that VMs start from it. The files are shared: never write into one.
give_templates()
{
	[ -n "$TEMPLATES" ] || return 0
	mkdir -p "$1"
	chmod 700 "$1"
	cp -al "$TEMPLATES" "$1/@templates"
}

# same_templates ROOT: no VM has found anything wrong with them, and nobody has made another. A file that tests
# templates says TEMPLATES= in its setup().
same_templates()
{
	local given
	[ -d "$1/@templates" ] || return 0
	given=$([ -z "$TEMPLATES" ] || files_of "$TEMPLATES")
	is "$(files_of "$1/@templates")" "$given"
}

files_of()
{
	find "$1" -mindepth 1 ! -type d -printf '%i %P\n' -o -printf '%P\n' | sort
}

# make_bundle [DIR]: a bundle that runs `true`; sets B. Its files are shared with other bundles: never write into one.
make_bundle()
{
	B=${1:-$T/bundle}
	mkdir -p "$B"
	cp -al "$BASE/rootfs" "$B/rootfs"
	cp "$BASE/config.json" "$B/config.json"
}

# edit [JQ OPTION...] FILTER [JQ ARGUMENT...]: changes config.json
edit()
{
	# jq makes doubles of numbers beyond 2^53: the two that are wanted are put back.
	jq "$@" <"$B/config.json" | sed 's/1844674407370955[0-9]*/18446744073709551615/; s/922337203685477[0-9]*/9223372036854775807/' \
		>"$B/config.json.new"
	mv "$B/config.json.new" "$B/config.json"
}

# args WORD...: what the container runs
args()
{
	edit '.process.args = $ARGS.positional' --args -- "$@"
}

# script TEXT: the container runs a shell script
script()
{
	args sh -c "$1"
}

# bind SOURCE DESTINATION [OPTION...]: adds a bind mount
bind()
{
	edit '.mounts += [{source: $ARGS.positional[0], destination: $ARGS.positional[1], type: "bind",
		options: (["bind"] + $ARGS.positional[2:])}]' --args -- "$@"
}

# limits OBJECT: linux.resources gets the object that jq makes of it
limits()
{
	edit ".linux.resources += $1"
}

# joins SANDBOX: the container is one of that pod, as CRI-O says it
joins()
{
	edit '.annotations = {"io.kubernetes.cri-o.ContainerType": "container", "io.kubernetes.cri-o.SandboxID": $ARGS.positional[0]}' --args -- "$1"
}

# settings LINE...: a configuration file with more in [hypervisor.qemu], for this test. Without templates: the
# suite's is for another VM, and its own would be made in the background when the test is long over.
settings()
{
	{
		printf '[factory]\nenable_template = false\n'
		cat "$CONFIG"
		[ $# = 0 ] || printf '%s\n' "$@"
	} >"$T/configuration.toml"
	OPTIONS=(--config "$T/configuration.toml")
}

# shared_container SCRIPT [JQ FILTER]: one for all tests of a file, from setup_file; they find it as $CT in $ROOT
shared_container()
{
	export SHARED=$SUITE-shared SHARED_ROOT=$BATS_FILE_TMPDIR/root
	T=$BATS_FILE_TMPDIR ROOT=$SHARED_ROOT
	set_options
	give_templates "$ROOT"
	make_bundle
	script "$1"
	[ $# -lt 2 ] || edit "$2"
	ok run --detach --bundle "$B" "$SHARED" || { delete_all "$ROOT"; return 1; }
}

# setup() of such a file
share()
{
	begin
	ROOT=$SHARED_ROOT CT=$SHARED B=$BATS_FILE_TMPDIR/bundle
}

# teardown() of such a file: the container stays
unshare_()
{
	ROOT=$T/root
	finish
}

shared_delete()
{
	delete_all "$SHARED_ROOT"
}

# ---- running ----

# rt ARG...: the runtime. Output goes to files, so that whoever inherits it cannot hold up the test.
rt()
{
	try "$BIN" "${OPTIONS[@]}" --root "$ROOT" "$@"
}

# try COMMAND...: sets status, output and stderr and shows them; LIMIT seconds at most
try()
{
	status=0
	timeout --foreground -k 5 "${LIMIT:-120}" "$@" >"$T/stdout" 2>"$T/stderr" 3>&- || status=$?
	output=$(tr -d '\0' <"$T/stdout")
	stderr=$(tr -d '\0' <"$T/stderr")
	show_command "$@"
	[ -z "$output" ] || head -c 4000 <<<"$output" | sed 's/^/out| /'
	[ -z "$stderr" ] || head -c 4000 <<<"$stderr" | sed 's/^/err| /'
}

# show_command WORD...: as far as it tells one from another
show_command()
{
	local text="$*"
	text=${text/$BIN/$RUNTIME}
	[ ${#OPTIONS[@]} = 0 ] || text=${text/"${OPTIONS[*]}" /}
	text=${text/--root "$ROOT" /}
	echo "\$ ${text//$BATS_RUN_TMPDIR/TMP}"
	echo "status $status"
}

ok()
{
	rt "$@"
	[ "$status" = 0 ]
}

ko()
{
	local want=$1
	shift
	rt "$@"
	[ "$status" = "$want" ]
}

# refused PART...: `run` fails, and says all of that
refused()
{
	ko 1 run --bundle "$B" "$CT"
	has "$stderr" "$@"
}

# background COMMAND...: sets PID; it is killed at the end of the test at the latest
background()
{
	"$@" 3>&- &
	PID=$!
	STARTED+=("$PID")
}

# cli ARG...: the runtime, also for background: there it takes the place of the shell
cli()
{
	if [ "$BASHPID" = "$TEST_PID" ]; then
		"$BIN" "${OPTIONS[@]}" --root "$ROOT" "$@" 3>&-
	else
		exec "$BIN" "${OPTIONS[@]}" --root "$ROOT" "$@" 3>&-
	fi
}

# reaped PID: waits for it, sets status
reaped()
{
	status=0
	wait "$1" || status=$?
	echo "process $1 ended with $status"
}

# within SECONDS COMMAND...: until it succeeds
within()
{
	local end=$((SECONDS + $1))
	shift
	until "$@" >"$BATS_RUN_TMPDIR/within" 2>&1; do
		if ((SECONDS >= end)); then
			echo "not in time: $*"
			cat "$BATS_RUN_TMPDIR/within"
			return 1
		fi
		sleep 0.05
	done
}

# ---- checking ----

# is VALUE WANTED
is()
{
	[ "$1" = "$2" ] && return 0
	diff -u --label wanted --label got <(printf '%s\n' "$2") <(printf '%s\n' "$1") || return 1
}

# has TEXT PART...: all of them
has()
{
	local text=$1
	shift
	for part; do
		[[ $text == *"$part"* ]] || { printf 'not there: %s\nin: %s\n' "$part" "$text"; return 1; }
	done
}

# lacks TEXT PART
lacks()
{
	[[ $1 != *"$2"* ]] || { printf 'there: %s\nin: %s\n' "$2" "$1"; return 1; }
}

not()
{
	! "$@"
}

# message TEXT: the one error that the last command gave, as a record of a log on standard error
message()
{
	local records
	records=$(grep -c 'level=error' <<<"$stderr")
	[ "$records" = 1 ] || { echo "$records errors instead of one"; return 1; }
	is "$(sed -n 's/^time="[^"]*" level=error msg="\(.*\)"$/\1/p' <<<"$stderr")" "${1//\"/\\\"}"
}

# status_of [ID]
status_of()
{
	"$BIN" --root "$ROOT" state "${1:-$CT}" 3>&- | jq -r .status
}

has_status()
{
	is "$(status_of "${2:-$CT}")" "$1"
}

# pid_of [ID]: the pid that state shows
pid_of()
{
	"$BIN" --root "$ROOT" state "${1:-$CT}" 3>&- | jq .pid
}

# gone PID: it ended, though perhaps nobody has reaped it
gone()
{
	local stat
	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
	stat=${stat##*) }
	[[ $stat == [ZX]* ]]
}

# requires WHAT...: skips the test if something is missing; in strict mode that is a failure
requires()
{
	local what why
	for what; do
		why=
		case $what in
		kvm) [ -w /dev/kvm ] && grep -qE '^flags.*\b(vmx|svm)\b' /proc/cpuinfo || why="no KVM here" ;;
		cgroup) [ -n "$SUITE_CGROUP" ] || why="no cgroup v2 to make a group in" ;;
		*) command -v "$what" >/dev/null || why="no $what" ;;
		esac
		[ -n "$why" ] || continue
		[ "${MOAT_TEST_STRICT:-0}" = 0 ] || { echo "strict: $why"; return 1; }
		skip "$why"
	done
}

# ---- the host ----

# host_things: what must not grow. Processes are those in a container's cgroup, and runtimes' own in the suite's.
host_things()
{
	{
		find /proc -maxdepth 2 -name exe \( -lname '*/moat' -o -lname '*/moat-*' -o -lname '*/qemu-system*' -o \
			-lname '*/virtiofsd' -o -lname '*/runc' \) -printf '%h\n' 2>/dev/null | while read -r proc; do
			if [ -z "$SUITE_CGROUP" ] || grep -q "/$SUITE\(/\|$\)" "$proc/cgroup" 2>/dev/null; then
				echo "process ${proc##*/}"
			fi
		done
		find /sys/fs/cgroup -type d -name "$SUITE-*" -print 2>/dev/null | while read -r dir; do
			echo "cgroup $dir"
			find "$dir" -name cgroup.procs -exec cat {} + 2>/dev/null | sed 's/^/process /'
		done
		grep -F "$BATS_RUN_TMPDIR" /proc/self/mountinfo | sed 's/^/mount /'
		# What containers are given of the host's must not be changed for everybody.
		stat -c 'device %n: %A %U %G' /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty
		awk -v dir="$BATS_RUN_TMPDIR" 'index($8, dir) == 1 || $8 ~ /^@.*(moat|qemu|virtiofs)/ { print "socket", $8 }' /proc/net/unix
	} | sort -u
}

# nothing_new FILE: the host is as host_things once wrote to FILE
nothing_new()
{
	local new
	new=$(comm -13 "$1" <(host_things))
	[ -z "$new" ] && return 0
	echo "left behind:"
	echo "$new"
	sed -n 's/^process //p' <<<"$new" | while read -r pid; do
		echo "$pid: $(readlink "/proc/$pid/exe") $(tr '\0' ' ' <"/proc/$pid/cmdline")"
	done
	return 1
}

# free_loops FILE: no loop device shows it any more
free_loops()
{
	losetup -j "$1" 2>/dev/null | cut -d: -f1 | xargs -r losetup -d
	[ -z "$(losetup -j "$1" 2>/dev/null)" ]
}

# ---- terminals ----

# in_terminal COMMAND...: with a terminal of its own, whose input is standard input; sets status and output
in_terminal()
{
	local input
	input=$(cat)
	status=0
	# `script` ends the terminal's input with its own: it stays open until the command is done.
	{
		printf '%s\n' "$input"
		within 60 test -e "$T/terminal.done"
	} | {
		timeout --foreground -k 5 "${LIMIT:-120}" script -qec "${*@Q}; code=\$?; touch ${T@Q}/terminal.done; exit \$code" /dev/null
	} >"$T/stdout" 3>&- || status=$?
	output=$(tr -d '\0' <"$T/stdout")
	show_command "$@"
	printf '%s\n' "$output" | sed 's/^/out| /'
}

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Terminals: that of the caller (run -t, exec -t), and those that are handed over on a console socket

load helpers

setup_file()
{
	shared_container 'while :; do sleep 1000; done' '.hostname = "tty"'
	head -c 100000 /dev/zero | tr "\0" x >"$B/rootfs/etc/big"
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

# A container of its own, with a terminal
own()
{
	ROOT=$T/root CT=$SUITE-$BATS_SUITE_TEST_NUMBER
	make_bundle
	edit '.process.terminal = true'
}

# receive [SIZE [SIZE]]: a receiver at $T/console.sock; sets RECEIVER; to the terminal goes what is written to descriptor 8
receive()
{
	rm -f "$T/keys" "$T/console.sock"
	mkfifo "$T/keys"
	exec 8<>"$T/keys"
	"$TOOLS/recvtty" "$T/console.sock" "$@" <"$T/keys" >"$T/screen" 2>"$T/received" 3>&- 8>&- &
	RECEIVER=$!
	STARTED+=("$RECEIVER")
	within 10 test -S "$T/console.sock"
}

# screen TEXT: it is what came out of the terminal so far
screen()
{
	is "$(cat -A "$T/screen")" "$1"
}

shows()
{
	grep -q "$1" "$T/screen"
}

# runc 1.1 sets the terminal up while the program runs already: its output is not always the same.
# bats test_tags=moat
@test "tty: exec -t in the caller's terminal" {
	in_terminal_size "$BIN" --root "$ROOT" exec -t "$CT" \
		sh -c 'for fd in 0 1 2; do [ -t $fd ] && echo "$fd is a terminal"; done; tty; stty size; exit 5' <<<""
	[ "$status" = 5 ]
	has "$output" $'0 is a terminal\r\n' $'1 is a terminal\r\n' $'2 is a terminal\r\n' /dev/pts/ $'\n33 101'
}

# As in_terminal, with 33 rows and 101 columns
in_terminal_size()
{
	in_terminal sh -c 'stty rows 33 cols 101; exec "$@"' sh "$@"
}

@test "tty: without -t there is none" {
	in_terminal "$BIN" --root "$ROOT" exec "$CT" sh -c '[ -t 0 ] || [ -t 1 ] || [ -t 2 ] || echo none' <<<""
	[ "$status" = 0 ]
	has "$output" none
}

@test "tty: what is typed arrives, and is echoed" {
	in_terminal "$BIN" --root "$ROOT" exec -t "$CT" sh -c 'read a; read b; echo "[$a] [$b]"' <<<$'first line\nsecond line'
	[ "$status" = 0 ]
	has "$output" $'first line\r\n' '[first line] [second line]'
}

@test "tty: ^C interrupts, ^D ends" {
	LIMIT=60 typed "$BIN" --root "$ROOT" exec -t "$CT" sh <<-END
		expect #
		send echo inter""active; sleep 1000
		expect interactive
		key 3
		expect #
		send echo code=\$?
		expect code=130
		send echo rea""dy; cat; echo do""ne
		expect ready
		key 4
		expect done
		send exit 6
	END
	[ "$status" = 6 ]
}

# typed COMMAND... <<SCRIPT: "send TEXT", "key ASCII" and "expect PATTERN" (in what came after the last one) to a command in a terminal
typed()
{
	local verb rest seen=0
	mkfifo "$T/typing"
	exec 7<>"$T/typing"
	: >"$T/stdout"
	timeout -k 5 "${LIMIT:-60}" script -qefc "${*@Q}" /dev/null <&7 >"$T/stdout" 2>&1 3>&- 7>&- &
	PID=$!
	STARTED+=("$PID")
	while read -r verb rest; do
		case $verb in
		send) printf '%s\n' "$rest" >&7 ;;
		key) printf "\\x$(printf %02x "$rest")" >&7 ;;
		expect)
			within 60 after "$seen" "$rest" || { cat -A "$T/stdout"; return 1; }
			seen=$(wc -c <"$T/stdout")
			;;
		esac
	done
	reaped "$PID"
	exec 7>&-
	cat -A "$T/stdout"
}

after()
{
	tail -c "+$(($1 + 1))" "$T/stdout" | grep -q -- "$2"
}

@test "tty: run in the caller's terminal, whose settings come back" {
	own
	script 'until [ "$(stty size)" = "33 101" ]; do sleep 0.1; done; tty; exit 3'
	in_terminal_size sh -c 'stty -a >"$1"; shift; "$@"; code=$?; stty -a >>/dev/stdout; exit $code' sh "$T/before" "$BIN" "${OPTIONS[@]}" --root "$ROOT" run --bundle "$B" "$CT" <<<""
	[ "$status" = 3 ]
	has "$output" $'/dev/pts/0\r\n' "$(grep icanon "$T/before" | grep -o ' icanon.*')"
}

@test "tty: a signal to a run with a terminal" {
	own
	script 'trap "echo got; exit 8" TERM; echo ready; while :; do sleep 0.1; done'
	mkfifo "$T/never"
	exec 7<>"$T/never"
	command script -qefc "echo \$\$ >${T@Q}/shell; exec ${BIN@Q} ${OPTIONS[*]@Q} --root ${ROOT@Q} run --bundle ${B@Q} $CT" /dev/null <&7 >"$T/stdout" 2>&1 3>&- 7>&- &
	PID=$!
	STARTED+=("$PID")
	within 60 grep -q ready "$T/stdout" || { cat "$T/stdout"; return 1; }
	kill -TERM "$(cat "$T/shell")"
	reaped "$PID"
	exec 7>&-
	is "$status" 8
	grep -q got "$T/stdout"
}

@test "tty: create sends the terminal before it returns" {
	own
	edit '.process.consoleSize = {height: 21, width: 77}'
	script 'stty size; echo line; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo terminal; ls -l /dev/console | cut -c1; read x; echo "<$x>"; exit 4'
	receive
	ok create --bundle "$B" --console-socket "$T/console.sock" --pid-file "$T/pid" "$CT"
	is "$output$stderr" ""
	within 5 grep -qx "received /dev/ptmx" "$T/received"
	screen ""
	ok start "$CT"
	# As with runc, the terminal makes line feeds what a screen needs, until the receiver says otherwise.
	within 60 shows '^c'
	screen $'21 77^M$\nline^M$\nterminal^M$\nc^M$'
	echo typed >&8
	within 60 shows '<typed>'
	screen $'21 77^M$\nline^M$\nterminal^M$\nc^M$\ntyped^M$\n<typed>^M$'
	within 60 has_status stopped
	reaped "$RECEIVER"
	is "$status" 0
}

@test "tty: nobody but the process holds the terminal and the output of create" {
	own
	args sleep 1000
	receive
	mkfifo "$T/fifo"
	background cat "$T/fifo" >"$T/output"
	cli create --bundle "$B" --console-socket "$T/console.sock" "$CT" >"$T/fifo" 2>&1
	# Its end: nothing inherited the pipe.
	reaped "$PID"
	is "$status $(cat "$T/output")" "0 "
}

@test "tty: detached run" {
	own
	script 'echo hello; read x; exit 4'
	receive
	ok run --detach --bundle "$B" --console-socket "$T/console.sock" --pid-file "$T/pid" "$CT"
	within 60 shows hello
	has_status running
	echo >&8
	within 60 has_status stopped
}

@test "tty: the size follows the terminal's" {
	receive 24x80 50x132
	ok exec --detach --tty --console-socket "$T/console.sock" --pid-file "$T/pid" "$CT" \
		sh -c 'trap "stty size" WINCH; echo ready; while :; do sleep 0.1; done'
	within 60 shows ready
	kill -USR1 "$RECEIVER"
	within 60 shows '50 132'
	kill -KILL "$(cat "$T/pid")"
	reaped "$RECEIVER"
}

@test "tty: ^C on a received terminal" {
	receive
	ok exec -d -t --console-socket "$T/console.sock" --pid-file "$T/pid" "$CT" sh -c 'trap "echo interrupted; exit 0" INT; echo ready; while :; do sleep 0.1; done'
	within 60 shows ready
	printf '\003' >&8
	within 60 shows interrupted
	within 60 gone "$(cat "$T/pid")"
	reaped "$RECEIVER"
}

@test "tty: 3 MB through a terminal" {
	receive
	ok exec -d -t --console-socket "$T/console.sock" --pid-file "$T/pid" "$CT" sh -c 'stty raw; n=0; while [ $n -lt 30 ]; do cat /etc/big; n=$((n + 1)); done; echo end'
	within 60 gone "$(cat "$T/pid")"
	reaped "$RECEIVER"
	is "$(wc -c <"$T/screen")" 3000004
}

@test "tty: hang-up of the received terminal" {
	receive
	ok exec -d -t --console-socket "$T/console.sock" --pid-file "$T/pid" "$CT" sh -c 'echo ready; sleep 1000'
	within 60 shows ready
	kill -KILL "$RECEIVER"
	within 60 gone "$(cat "$T/pid")"
}

@test "tty: bytes arrive as they are" {
	receive
	local i
	for ((i = 0; i < 256; i++)); do printf "\\x$(printf %02x $i)"; done >"$T/bytes"
	ok exec -d -t --console-socket "$T/console.sock" --pid-file "$T/pid" "$CT" sh -c 'stty raw -echo; echo ready; dd bs=1 count=256 2>/dev/null >/dev/shm/bytes; cat /dev/shm/bytes; echo; echo end'
	within 60 shows ready
	cat "$T/bytes" >&8
	within 60 shows '^end'
	{
		echo ready
		cat "$T/bytes"
		printf '\nend\n'
	} >"$T/wanted"
	cmp "$T/wanted" "$T/screen"
}

@test "tty: refusals" {
	own
	ko 1 create --bundle "$B" "$CT"
	message "$RUNTIME create failed: cannot allocate tty if $RUNTIME will detach without setting console socket"
	ko 1 create --bundle "$B" --console-socket "$T/nowhere.sock" "$CT"
	has "$stderr" nowhere.sock "no such file or directory"
	touch "$T/file"
	ko 1 create --bundle "$B" --console-socket "$T/file" "$CT"
	has "$stderr" "$T/file"
	edit '.process.terminal = false'
	ko 1 create --bundle "$B" --console-socket "$T/nowhere.sock" "$CT"
	message "$RUNTIME create failed: cannot use console socket if runc will not detach or allocate tty"
	[ -z "$(entries "$ROOT")" ]
}

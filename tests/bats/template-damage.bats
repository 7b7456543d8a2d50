#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# bats file_tags=moat
#
# Templates that are damaged, or do not start: noticed, dropped, and the container runs all the same

load helpers
load template

# unusable KIND PART...: the container runs all the same, one warning has the parts, the template is gone
unusable()
{
	echo "--- $1"
	nobody_makes
	ok run --detach --bundle "$B" "$CT"
	one_warning template "${@:2}"
	booted
	[ ! -e "$DIR" ]
	ok exec "$CT" cat /etc/container
	is "$output" "the file of the container"
	ok delete --force "$CT"
	nobody_made
}

@test "template: damage that shows at once" {
	local kind
	for kind in short-memory fifo-memory link-devices no-devices garbage missing empty owner mode; do
		own_template
		case $kind in
		short-memory) truncate -s 100M "$DIR/memory" ;;
		fifo-memory) rm "$DIR/memory" && mkfifo -m 600 "$DIR/memory" ;;
		link-devices) mv "$DIR/devices" "$T/devices" && ln -s "$T/devices" "$DIR/devices" ;;
		no-devices) rm "$DIR/devices" ;;
		garbage) head -c 1000 /dev/urandom >"$DIR/template.json" ;;
		missing) rm "$DIR/template.json" ;;
		empty) : >"$DIR/template.json" ;;
		owner) chown 1000 "$DIR/memory" ;;
		mode) chmod 644 "$DIR/devices" ;;
		esac
		is "$(states)" damaged
		"$BIN" --root "$ROOT" template status 3>&- | tail -n 1 | grep -q "damaged.* is damaged: "
		case $kind in
		short-memory | link-devices | garbage | owner) unusable $kind "${KEY:0:8}" "is damaged" ;;
		esac
	done
	# By hand the last one is replaced.
	ok template create
	is "$(states)" ready
}

# change FILE TEXT: one byte of it, where TEXT is
change()
{
	local at
	at=$(LC_ALL=C grep -obUam 1 -- "$2" "$1" | head -n 1 | cut -d: -f1)
	printf '\377' | dd of="$1" bs=1 seek="$at" conv=notrunc status=none
}

@test "template: damage that only the sum tells" {
	own_template
	change "$DIR/devices" pci
	is "$(states)" ready
	unusable "one byte of devices" "did not start from its template" "its sum is"

	# All that was handed over to the first attempt is there in the second: terminal, mounts, pid file; and a new one is made.
	own_template
	change "$DIR/memory" moat-agent
	mkdir "$T/share"
	bind "$T/share" /mnt
	edit '.process.terminal = true | .root.readonly = true'
	script 'tty >/mnt/tty; read x; echo "<$x>" >/mnt/line; exit 6'
	mkfifo "$T/keys"
	exec 8<>"$T/keys"
	# Not by background(), where input is /dev/null
	"$TOOLS/recvtty" "$T/console.sock" <"$T/keys" >"$T/screen" 2>"$T/received" 3>&- 8>&- &
	STARTED+=($!)
	within 10 test -S "$T/console.sock"
	ok create --bundle "$B" --console-socket "$T/console.sock" --pid-file "$T/pid" "$CT"
	one_warning "did not start from its template" "its sum is"
	is "$(cat "$T/pid")" "$(pid_of)"
	ok start "$CT"
	within 60 test -s "$T/share/tty"
	echo typed >&8
	within 60 has_status stopped
	exec 8>&-
	is "$(cat "$T/share/tty" "$T/share/line")" $'/dev/pts/0\n<typed>'
	is "$(wc -l <"$T/received")" 1
	within 60 states_are ready
	edit '.process.terminal = false'
	args sleep 1000
	ok run --detach --bundle "$B" "$CT-2"
	is "$stderr" ""
	from_template "$CT-2"
}

@test "template: sound, but QEMU does not start from it" {
	make_root
	mkdir "$T/qemu"
	cat >"$T/qemu/qemu" <<-'EOF'
		#!/bin/sh
		case " $* " in
		*" -incoming "*) echo "qemu: no such machine" >&2; exit 1 ;;
		esac
		exec /usr/bin/qemu-system-x86_64 "$@"
	EOF
	chmod -R 755 "$T/qemu"
	with "path = \"$T/qemu/qemu\""
	args true
	ok template create
	is "$(states)" ready
	ok run --bundle "$B" "$CT"
	has "$stderr" "did not start from its template" "no such machine"
	# It is gone, and not made again at once.
	is "$(states)" failed
	ok run --bundle "$B" "$CT"
	is "$stderr" ""
	is "$(states)" failed
	ok template create
	is "$(states)" ready
}

@test "template: damaged and removed under those that run from it" {
	local i
	own_template
	edit '.root.readonly = false'
	for i in 1 2; do
		ok run --detach --bundle "$B" "$CT-$i"
		from_template "$CT-$i"
	done
	: >"$DIR/memory"
	: >"$DIR/devices"
	works "$CT-1" one
	ok template remove
	is "$output" "1 removed"
	works "$CT-1" two
	works "$CT-2" three
}

# works ID WORD: new processes, memory that was not touched before, files
works()
{
	ok exec "$1" sh -c 'dd if=/dev/zero of=/dev/shm/x bs=1M count=30 2>/dev/null && md5sum </dev/shm/x && rm /dev/shm/x &&
		cat /bin/busybox | md5sum && echo '"$2"' >/written'
	is "$output" "$(head -c 30M /dev/zero | md5sum)"$'\n'"$(md5sum <"$BASE/rootfs/bin/busybox")"
	is "$(cat "$B/rootfs/written")" "$2"
}

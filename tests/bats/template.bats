#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# bats file_tags=moat
#
# Templates: made once, used by all that follow, never a wrong or damaged one; and copies that are not alike

load helpers

setup()
{
	SUITE_TEMPLATES=$TEMPLATES TEMPLATES=''
	begin
	[ "${MOAT_TEST_MACHINE:-q35}" = q35 ] || skip "only q35 has templates"
	make_bundle
	args sleep 1000
}

# Nobody may be at it any more, and what is left after `remove` is a failure.
teardown()
{
	local bad=0
	exec 9<&-
	within 60 not being_made || bad=1
	umount "$ROOT/@templates" 2>/dev/null || true
	"$BIN" --root "$ROOT" template remove 3>&- || bad=1
	delete_all "$ROOT" || bad=1
	umount "$ROOT" 2>/dev/null || true
	finish || bad=1
	return $bad
}

# with LINE...: a configuration file with more in [hypervisor.qemu], and templates
with()
{
	cp "$CONFIG" "$T/configuration.toml"
	printf '%s\n' "$@" >>"$T/configuration.toml"
	OPTIONS=(--config "$T/configuration.toml")
}

# own_template: a copy of the suite's, to be damaged; sets DIR, KEY
own_template()
{
	make_root
	rm -rf "$ROOT/@templates"
	cp -a --sparse=always "$SUITE_TEMPLATES" "$ROOT/@templates"
	DIR=$(echo "$ROOT"/@templates/*)
	KEY=${DIR##*/}
}

make_root()
{
	mkdir -p "$ROOT"
	chmod 700 "$ROOT"
}

# states: of all templates, sorted by key
states()
{
	"$BIN" "${OPTIONS[@]}" --root "$ROOT" template status -f json 3>&- | jq -r 'map(.state) | join(" ")'
}

# current: the state of the one that the configuration uses
current()
{
	"$BIN" "${OPTIONS[@]}" --root "$ROOT" template status -f json 3>&- | jq -r 'map(select(.current).state) | join(" ")'
}

being_made()
{
	has "$(states)" making
}

states_are()
{
	is "$(states)" "$1"
}

from_template()
{
	grep -q "memory of the template copied" "$ROOT/${1:-$CT}/monitor.log"
}

booted()
{
	grep -q "agent answers" "$ROOT/${1:-$CT}/monitor.log" && not from_template "$@"
}

# one_warning PART...: nothing else is on standard error
one_warning()
{
	is "$(wc -l <<<"$stderr")" 1
	has "$stderr" level=warning "$@"
}

# nobody_makes: takes the place of a maker, so that `create` starts none; until nobody_made
nobody_makes()
{
	mkdir -m 700 "$ROOT/@templates/$KEY.new"
	exec 9<"$ROOT/@templates/$KEY.new"
	flock 9
}

nobody_made()
{
	exec 9<&-
	rmdir "$ROOT/@templates/$KEY.new"
}

# claimed [FILE]: a maker is at it, and FILE in its directory is not empty
claimed()
{
	local dir
	dir=$(echo "$ROOT"/@templates/*.new)
	[ -d "$dir" ] && { [ $# = 0 ] || [ -s "$dir/$1" ]; }
}

# ---- the command ----

@test "template: create, status and remove, on a tmpfs" {
	local name
	ok template status
	is "$output" "TEMPLATE  STATE      MEMORY   SIZE       CREATED               KERNEL"
	ok template status -f json
	is "$output" "[]"
	ok template remove
	is "$output" "0 removed"
	[ ! -e "$ROOT" ]

	make_root
	mount -t tmpfs -o mode=700 tmpfs "$ROOT"
	(umask 0 && ok template create && is "$output$stderr" "")
	ok template create
	is "$output" "the template exists already"
	ok template status
	is "$(wc -l <<<"$output")" 2
	has "$(tail -n 1 <<<"$output")" "* ready      256 MiB" " MiB " "T" "$(jq -r .kernel "$ROOT"/@templates/*/template.json)"
	ok template status --format json
	cp "$T/stdout" "$T/json"
	is "$(jq -r '.[0] | [.state, .current, .why, .machine, .memory, (.bytes > 1000000), (.key | length)] | @csv' "$T/json")" \
		'"ready",true,"","q35",256,true,32'
	for name in kernel initrd hypervisor; do
		[ -e "$(jq -r ".[0].$name" "$T/json")" ]
	done
	ok template -f json status
	cmp "$T/json" "$T/stdout"

	# Closed to others whatever the umask, and nothing else is there
	is "$(find "$ROOT/@templates" -mindepth 1 -printf '%y %m %U:%G %f\n' | sort | sed "s/$(jq -r '.[0].key' "$T/json")/KEY/")" \
		$'d 700 0:0 KEY\nf 600 0:0 devices\nf 600 0:0 memory\nf 600 0:0 template.json'
	is "$(stat -c '%a %u' "$ROOT/@templates")" "700 0"

	# It is no container.
	ok list -q
	is "$output" ""
	ok list -f json
	is "$output" null
	ko 1 state @templates
	ko 1 delete @templates
	rt delete --force @templates
	is "$(states)" ready

	ok run --detach --bundle "$B" "$CT"
	from_template
	ok list -q
	is "$output" "$CT"
	ok exec "$CT" cat /etc/container
	is "$output" "the file of the container"
	ok template remove
	is "$output" "1 removed"
	is "$(states)" ""
	ok template remove
	is "$output" "0 removed"
	# The one that runs is not concerned.
	ok exec "$CT" cat /etc/container
	is "$output" "the file of the container"
	ok delete --force "$CT"
}

@test "template: wrong words" {
	ko 1 template
	message '"template" requires a minimum of 1 argument(s)'
	ko 1 template destroy
	message "template 'destroy' is not one of create, fill, status, remove"
	ko 1 template create more
	message "template create takes no argument: 'more'"
	ko 1 template status --format yaml
	message "invalid format option"
	ko 1 template --format "" status
	message "invalid format option"
	rt template status --nonsense
	[ "$status" != 0 ]
	has "$output$stderr" "flag provided but not defined: -nonsense"
	ok template status --help
	has "$output" "moat template" "create|fill|status|remove"
	ok help template
	has "$output" "create|fill|status|remove"
	# Where there can be none, it says why.
	settings
	ko 1 template create
	message "templates are switched off: enable_template in [factory]"
	with 'machine_type = "microvm"'
	ko 1 template create
	has "$stderr" "only machine type q35 has templates"
	with '[runtime]' 'hypervisor = "fake"'
	ko 1 template create
	has "$stderr" "the hypervisor has no templates"
	with "kernel = \"$T/nowhere\""
	ko 1 template create
	has "$stderr" hypervisor.qemu.kernel "$T/nowhere"
	[ ! -e "$ROOT" ]
	set_options
	touch "$T/file"
	ROOT=$T/file ko 1 template create
	has "$stderr" "$T/file"
}

# ---- in the background ----

@test "template: the first create makes it, the next but one uses it" {
	args echo fine
	# Whoever reads what it says does not wait for the maker,
	LIMIT=60 try sh -c '"$@" 2>&1 | cat' sh "$BIN" "${OPTIONS[@]}" --root "$ROOT" run --keep --bundle "$B" "$CT-1"
	is "$status $output" "0 fine"
	booted "$CT-1"
	within 20 states_are making
	# others boot meanwhile, and nobody makes a second one.
	args sleep 1000
	ok create --bundle "$B" "$CT-2"
	booted "$CT-2"
	is "$stderr" ""
	within 60 states_are ready
	is "$(find "$ROOT/@templates" -mindepth 1 -maxdepth 1 | wc -l)" 1
	ok run --detach --bundle "$B" "$CT-3"
	from_template "$CT-3"
	is "$output$stderr" ""
	ok exec "$CT-3" cat /etc/container
	is "$output" "the file of the container"
	is "$(find "$ROOT" -perm /077)" ""
}

# bats test_tags=moat
@test "template: many at the same time" {
	local i n=8 pids=()
	[ "${MOAT_TEST_LONG:-0}" = 0 ] || n=20
	own_template
	for ((i = 0; i < n; i++)); do
		cli run --detach --bundle "$B" "$CT-$i" >"$T/out.$i" 2>&1 3>&- &
		pids+=($!)
	done
	for ((i = 0; i < n; i++)); do
		reaped "${pids[i]}"
		is "$status $(cat "$T/out.$i")" "0 "
		from_template "$CT-$i"
	done
	for ((i = 0; i < n; i++)); do
		ok exec "$CT-$i" sh -c 'cat /etc/container /proc/sys/kernel/random/boot_id'
		is "${output%%$'\n'*}" "the file of the container"
		echo "$output" >>"$T/all"
	done
	is "$(sort -u "$T/all" | wc -l)" $((n + 1))
	is "$(states)" ready
}

# ---- copies are not alike ----

@test "template: copies have their own randomness, identity and the host's time" {
	local i age before after
	own_template
	# Old enough for its clock to tell
	age=$(date +%s -d "$(jq -r .created "$DIR/template.json")")
	while (($(date +%s) < age + 15)); do sleep 1; done
	for i in 1 2 3; do
		# The very first thing that a container does
		edit --arg name "host-$i" '.hostname = $name'
		script 'echo "boot_id $(cat /proc/sys/kernel/random/boot_id)"
			echo "uuid $(cat /proc/sys/kernel/random/uuid)"
			echo "urandom $(dd if=/dev/urandom bs=16 count=1 2>/dev/null | md5sum)"
			echo "random $(dd if=/dev/random bs=16 count=1 2>/dev/null | md5sum)"
			echo "file $(mktemp -u /dev/shm/XXXXXXXXXX)"
			echo "layout $(sed -n "s/-.* \[stack\]$//p" /proc/self/maps)"
			echo "hostname $(hostname)"
			date +%s >&2; sleep 1000'
		before=$(date +%s)
		background cli run --bundle "$B" "$CT-$i" >"$T/out.$i" 2>"$T/time.$i"
		within 60 test -s "$T/time.$i"
		after=$(date +%s)
		from_template "$CT-$i"
		cat "$T/out.$i"
		# A copy begins with the clock of a template that is 15 seconds old.
		i=$(cat "$T/time.$i")
		((i >= before - 3 && i <= after + 3)) || { echo "$i is not between $before and $after"; return 1; }
	done
	# 3 copies of 7 things
	is "$(sort "$T"/out.* | uniq -d)" ""
	is "$(sort -u "$T"/out.* | wc -l)" 21
}

# ---- another one is needed ----

@test "template: other memory, parameters and files are not mixed up" {
	local file path kb
	own_template
	is "$(current)" ready
	path=$(jq -r .path "$DIR/template.json")
	for file in "kernel = $(jq -r .kernel "$DIR/template.json")" "initrd = $(jq -r .initrd "$DIR/template.json")" "path = $path"; do
		cp "${file#* = }" "$T/${file%% *}"
		with "${file%% *} = \"$T/${file%% *}\""
		is "$(current)" ""
	done
	with 'default_vcpus = 2'
	is "$(current)" ""
	with 'kernel_params = "moat.test=1"'
	is "$(current)" ""
	with 'default_memory = 300' "kernel = \"$T/kernel\"" "initrd = \"$T/initrd\"" "path = \"$path\"" 'kernel_params = "moat.test=2"'
	is "$(current)" ""
	is "$(states)" ready

	# With a template of its own it has what it was told, and the other one stays.
	ok template create
	is "$(current) $(states)" "ready ready ready"
	script 'cat /proc/cmdline; sed -n "s/MemTotal: *\([0-9]*\) kB/\1/p" /proc/meminfo; sleep 1000'
	background cli run --bundle "$B" "$CT" >"$T/out" 2>&1
	within 60 grep -qxE '[0-9]+' "$T/out"
	from_template
	has "$(cat "$T/out")" "moat.test=2"
	kb=$(tail -n 1 "$T/out")
	((kb > 220000 && kb < 300 * 1024))
	ok delete --force "$CT"

	# Touched: outdated. It is not used, and goes when the next one is there.
	args sleep 1000
	touch "$T/initrd"
	is "$(current)" ""
	has "$(states)" outdated ready
	ok template status
	has "$output" outdated
	ok run --detach --bundle "$B" "$CT"
	booted
	within 60 states_are "ready ready"
	is "$(current)" ready
	ok run --detach --bundle "$B" "$CT-2"
	from_template "$CT-2"
	# Gone altogether: an error, as without templates
	rm "$T/initrd"
	has "$(states)" outdated
	ko 1 create --bundle "$B" "$CT-3"
	has "$stderr" hypervisor.qemu.initrd "$T/initrd"
}

# ---- damage ----

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

# ---- makers ----

@test "template: of three makers one makes it" {
	local i pids=() made=0
	for i in 0 1 2; do
		cli template create >"$T/out.$i" 2>&1 3>&- &
		pids+=($!)
	done
	for i in 0 1 2; do
		reaped "${pids[i]}"
		cat "$T/out.$i"
		case $status in
		0) made=$((made + 1)) ;;
		*) grep -q "the template is being made by another command" "$T/out.$i" ;;
		esac
	done
	is $made 1
	is "$(states)" ready
}

@test "template: remove while it is made" {
	background cli template create >"$T/out" 2>&1
	within 20 claimed monitor.log
	states_are making
	ok template remove
	is "$output" "1 removed"
	is "$(states)" ""
	reaped "$PID"
	is "$status" 1
	stderr=$(cat "$T/out")
	has "$stderr" "the template was removed while it was being made"
	# That was no failure: nothing keeps the next one from being made.
	is "$(states)" ""
	within 10 nothing_new "$T/host.before"
}

# after_kill: what a killed maker has left is nothing that is used, unless it is complete
after_kill()
{
	within 20 nothing_new "$T/host.before"
	case $(states) in
	"" | abandoned) return 0 ;;
	ready) ;;
	*) return 1 ;;
	esac
	ok run --detach --bundle "$B" "$CT"
	from_template
	ok delete --force "$CT"
	ok template remove
}

@test "template: a maker that is killed, wherever it was" {
	local total n
	try "$TOOLS/killat" 0 "$BIN" "${OPTIONS[@]}" --root "$ROOT" template create
	[ "$status" = 0 ]
	total=$(sed -n 's/^ended after //p' <<<"$stderr")
	ok template remove
	for n in $((total / 4)) $((total / 2)) $((total - 60)) $((total - 40)) $((total - 20)); do
		try "$TOOLS/killat" "$n" "$BIN" "${OPTIONS[@]}" --root "$ROOT" template create
		after_kill
	done
	ok template remove
	is "$(states)" ""

	# The monitor first: its maker says so and takes everything away. Not by `create` at once again, but by hand.
	background cli template create >"$T/out" 2>&1
	within 20 claimed monitor.log
	kill -KILL "$(monitor_of "$PID")"
	reaped "$PID"
	is "$status" 1
	cat "$T/out"
	within 10 nothing_new "$T/host.before"
	is "$(states)" failed

	# Both, when the memory is being written
	background cli template create >"$T/out" 2>&1
	within 60 claimed devices
	kill -KILL "$PID" "$(monitor_of "$PID")" || true
	reaped "$PID"
	within 10 nothing_new "$T/host.before"
	has "$(states)" abandoned
	# Not used, and in nobody's way
	ok template create
	is "$(states)" ready
	ok run --detach --bundle "$B" "$CT"
	from_template
	is "$(find "$ROOT/@templates" -mindepth 1 -maxdepth 1 | wc -l)" 1
}

# monitor_of PID: the child of a maker
monitor_of()
{
	pgrep -P "$1"
}

# ---- the place for them ----

@test "template: no room for one" {
	make_root
	mkdir -m 700 "$ROOT/@templates"
	mount -t tmpfs -o mode=700,size=20M tmpfs "$ROOT/@templates"
	ko 1 template create
	has "$stderr" "no space left on device"
	is "$(states)" failed
	is "$(current)" failed
	ok template status
	has "$output" failed "no space left on device"
	is "$(find "$ROOT/@templates" -name '*.new')" ""
	# There would be room now, but it failed just before.
	mount -o remount,size=2G "$ROOT/@templates"
	ok run --detach --bundle "$B" "$CT"
	is "$stderr" ""
	booted
	is "$(states)" failed
	# By hand it is tried again.
	ok template create
	is "$(states)" ready
	ok run --detach --bundle "$B" "$CT-2"
	from_template "$CT-2"
	# Whoever removes it removes the failure too.
	echo why >"$ROOT/@templates/0123.failed"
	ok template remove
	is "$output" "1 removed"
	is "$(ls -A "$ROOT/@templates")" ""
	# So little room that none is begun
	mount -o remount,size=20M "$ROOT/@templates"
	ok run --detach --bundle "$B" "$CT-3"
	is "$stderr" ""
	booted "$CT-3"
	is "$(states)" ""
}

@test "template: a directory that is read-only, or somebody else's" {
	own_template
	mount --bind "$ROOT/@templates" "$ROOT/@templates"
	mount -o remount,bind,ro "$ROOT/@templates"
	ok run --detach --bundle "$B" "$CT"
	from_template
	ko 1 template remove
	has "$stderr" "read-only file system"
	is "$(states)" ready
	umount "$ROOT/@templates"

	chown 1000 "$ROOT/@templates"
	ko 1 template create
	has "$stderr" "the directory of templates must belong to the caller"
	ko 1 template status
	ok run --detach --bundle "$B" "$CT-2"
	one_warning "the directory of templates must belong to the caller"
	booted "$CT-2"
	chown 0 "$ROOT/@templates"

	# Empty and read-only: nobody tries to make one.
	rm -rf "$ROOT/@templates"/*
	mount --bind "$ROOT/@templates" "$ROOT/@templates"
	mount -o remount,bind,ro "$ROOT/@templates"
	ok run --detach --bundle "$B" "$CT-3"
	booted "$CT-3"
	is "$(states)" ""
	ko 1 template create
	has "$stderr" "read-only file system"
}

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# bats file_tags=moat
#
# Templates: made once, used by all that follow, never a wrong one; and copies that are not alike

load helpers
load template

# ---- the command ----

@test "template: create, status and remove, on a tmpfs" {
	local name
	ok template status
	is "$output" "TEMPLATE  STATE      MEMORY   VCPUS  SIZE       CREATED               KERNEL"
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
	has "$(tail -n 1 <<<"$output")" "* ready      256 MiB  1      " " MiB " "T" "$(jq -r .kernel "$ROOT"/@templates/*/template.json)"
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

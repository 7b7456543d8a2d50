#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Bad input: exit code 1, one error that names the field, file or flag, as a record in the log too, and nothing left behind

load helpers

# refused PART...: create fails, and its one message has these parts
refused()
{
	rm -f "$T/log"
	LIMIT=${LIMIT:-30} rt --log "$T/log" --log-format json create --bundle "$B" --pid-file "$T/pid" "$CT"
	[ "$status" = 1 ]
	is "$output" ""
	one_error "$@"
	[ ! -e "$T/pid" ]
	[ -z "$(entries "$ROOT")" ]
}

# one_error PART...: a single line on standard error, the same as an error in the log
one_error()
{
	is "$(wc -l <<<"$stderr")" 1
	is "$(jq -r 'select(.level == "error") | .msg' "$T/log")" "$stderr"
	has "$stderr" "$@"
}

# refused_with JQ-FILTER PART...: the same with a change to config.json, for this once
refused_with()
{
	cp "$B/config.json" "$T/config.json"
	edit "$1"
	refused "${@:2}"
	mv "$T/config.json" "$B/config.json"
}

# refused_text TEXT PART...: the same with another config.json
refused_text()
{
	printf '%s' "$1" >"$B/config.json"
	refused "${@:2}"
}

# ---- in runc's words ----

@test "bad input: no bundle, no config.json, an empty one, no process" {
	ko 1 create --bundle "$T/nowhere" "$CT"
	message "$RUNTIME create failed: chdir $T/nowhere: no such file or directory"
	rm "$B/config.json"
	ko 1 create --bundle "$B" "$CT"
	message "$RUNTIME create failed: JSON specification file config.json not found"
	touch "$B/config.json"
	ko 1 create --bundle "$B" "$CT"
	has "$stderr" "$RUNTIME create failed: " EOF
	echo '{}' >"$B/config.json"
	ko 1 create --bundle "$B" "$CT"
	message "$RUNTIME create failed: process property must not be empty"
}

@test "bad input: ids" {
	local id
	ko 1 create --bundle "$B" ""
	message "$RUNTIME create failed: container id cannot be empty"
	for id in a/b ../x . .. / 'a b' $'a\nb' $'\x01' 'a*' 'ä' '%n@'; do
		ko 1 create --bundle "$B" "$id"
		message "$RUNTIME create failed: invalid container ID format"
	done
	[ -z "$(entries "$ROOT")" ]
}

@test "bad input: a rootfs that is not there" {
	rm -rf "$B/rootfs"
	ko 1 create --bundle "$B" "$CT"
	message "$RUNTIME create failed: invalid rootfs: stat $B/rootfs: no such file or directory"
}

@test "bad input: a bind mount's source that is not there" {
	bind /nonexistent /mnt
	ko 1 create --bundle "$B" "$CT"
	has "$stderr" "$RUNTIME create failed: " 'error mounting \"/nonexistent\" to rootfs at \"/mnt\": stat /nonexistent: no such file or directory'
}

# ---- config.json as text ----

# bats test_tags=moat
@test "bad input: text that is no JSON" {
	local whole n
	whole=$(jq -c . "$B/config.json")
	for n in 1 2 10 50 100 333 777 $((${#whole} - 2)) $((${#whole} - 1)); do
		refused_text "${whole:0:n}" config.json
	done
	refused_text "$whole}" config.json
	refused_text "$whole $whole" config.json
	refused_text "${whole/:/}" config.json
	refused_text "${whole/\"ociVersion\"/ociVersion}" config.json
	refused_text $'\xef\xbb\xbf'"$whole" config.json
	refused_text "${whole/sleep/$'\xff\xfe'}x" config.json
	refused_text "${whole/\"true\"/\"$'\xc3\x28'\"}" config.json
	refused_text "${whole/\"true\"/\"\\ud800\"}" config.json
	refused_text "not json" config.json
	refused_text " " config.json
	head -c 4096 /dev/zero >"$B/config.json"
	refused config.json
	head -c 65536 /dev/urandom >"$B/config.json"
	refused config.json
}

# bats test_tags=moat
@test "bad input: JSON that is no object" {
	local text
	for text in null '[]' 1 '"x"' true '[{}]'; do
		refused_text "$text" config.json
	done
}

# bats test_tags=moat
@test "bad input: NUL bytes" {
	local whole
	whole=$(jq -c . "$B/config.json")
	refused_text "${whole/\"true\"/\"tr\\u0000ue\"}"
	has "$stderr" config.json
	printf '%s' "${whole/\"true\"/\"trXue\"}" | tr X '\0' >"$B/config.json"
	refused config.json
	{ printf '%s' "$whole"; printf '\0'; } >"$B/config.json"
	refused config.json
}

# bats test_tags=moat
@test "bad input: deep nesting, many elements, many bytes" {
	local whole
	whole=$(jq -c . "$B/config.json")
	head -c 10000000 /dev/zero | tr '\0' '[' >"$B/config.json"
	refused config.json
	{
		printf '%s' "${whole%\}},\"unknown\":"
		head -c 100000 /dev/zero | tr '\0' '['
		head -c 100000 /dev/zero | tr '\0' ']'
		printf '}'
	} >"$B/config.json"
	refused config.json
	head -c 10000000 /dev/zero | sed 's/\x00/{"a":/g' >"$B/config.json"
	refused config.json
	{ printf '%s' "$whole"; head -c 100000000 /dev/zero | tr '\0' ' '; } >"$B/config.json"
	refused "config.json is larger than"
	truncate -s 1T "$B/config.json"
	refused "config.json is larger than"
}

# bats test_tags=moat
@test "bad input: two hundred thousand variables" {
	# Accepted or refused, but soon
	jq '.process.env += [range(200000) | "VARIABLE_\(.)=x"]' "$B/config.json" >"$B/new"
	mv "$B/new" "$B/config.json"
	LIMIT=60 rt run --bundle "$B" "$CT"
	((status < 2))
}

# bats test_tags=moat
@test "bad input: config.json that is no file" {
	rm "$B/config.json"
	mkfifo "$B/config.json"
	refused config.json
	rm "$B/config.json"
	mkdir "$B/config.json"
	refused config.json
	rmdir "$B/config.json"
	ln -s config.json "$B/config.json"
	refused config.json
	ln -sf /dev/zero "$B/config.json"
	refused config.json
}

# ---- config.json's fields ----

# bats test_tags=moat
@test "bad input: versions" {
	local v
	for v in '"2.0.0"' '"1"' '"1.0"' '"x"' '""' '"1.0.0 "' '"01.0.0"'; do
		refused_with ".ociVersion = $v" ociVersion
	done
	refused_with 'del(.ociVersion)' ociVersion
	refused_with '.ociVersion = 1' ociVersion
}

# bats test_tags=moat
@test "bad input: the wrong type anywhere" {
	# Each value of config.json becomes one of another type; the message names its place.
	local path
	jq -c 'def name: map(if type == "number" then "[\(.)]" else ".\(.)" end) | join("") | ltrimstr(".");
		paths | select(.[-1] != "access" and .[-1] != "allow" and .[0] != "annotations") as $p | {path: $p, name: ($p | name)}' \
		"$B/config.json" >"$T/paths"
	# One of four, as this is slow; tests/unit/test_oci_mutate.c has all of them.
	awk 'NR % 4 == 1' "$T/paths" >"$T/some"
	[ "$(wc -l <"$T/some")" -gt 20 ]
	while IFS= read -r path; do
		refused_with "($path) as \$x | setpath(\$x.path; if (getpath(\$x.path) | type) == \"number\" then \"1\" else 1 end)" \
			"$(jq -r .name <<<"$path")"
	done <"$T/some"
}

# bats test_tags=moat
@test "bad input: numbers" {
	local n
	for n in -1 4294967295 4294967296 1.5; do
		sed "s/\"uid\": *0/\"uid\": $n/" "$BASE/config.json" >"$B/config.json"
		grep -q "uid\": $n" "$B/config.json"
		refused process.user.uid
	done
	sed 's/"uid": *0/"uid": 1e400/' "$BASE/config.json" >"$B/config.json"
	refused "config.json: line"
	sed 's/"uid": *0/"uid": 18446744073709551616/' "$BASE/config.json" >"$B/config.json"
	refused "config.json: line"
	cp "$BASE/config.json" "$B/config.json"
	refused_with '.process.oomScoreAdj = 1001' process.oomScoreAdj
	refused_with '.process.oomScoreAdj = -1001' process.oomScoreAdj
	refused_with '.process.rlimits[0].soft = -1' 'process.rlimits[0].soft'
	refused_with '.process.consoleSize = {height: 70000, width: 1}' process.consoleSize.height
	refused_with '.process.user.additionalGids = [1, -2]' 'process.user.additionalGids[1]'
	refused_with '.process.user.umask = -1' process.user.umask
}

# bats test_tags=moat
@test "bad input: process" {
	refused_with 'del(.process.args)' process.args
	refused_with '.process.args = []' process.args
	refused_with '.process.args = [""]' 'process.args[0]'
	refused_with '.process.args = ["a", null]' 'process.args[1]'
	refused_with '.process.cwd = ""' process.cwd
	refused_with '.process.cwd = "tmp"' process.cwd absolute
	refused_with '.process.env += ["NAME"]' 'process.env[2]' "missing '='"
	refused_with '.process.env += ["=x"]' 'process.env[2]'
	refused_with '.process.rlimits[0].type = "RLIMIT_NONSENSE"' 'process.rlimits[0].type' RLIMIT_NONSENSE
	refused_with '.process.rlimits += .process.rlimits' 'process.rlimits[1].type' RLIMIT_NOFILE
	refused_with '.process.rlimits[0].soft = 2000' 'process.rlimits[0].soft'
}

# bats test_tags=moat
@test "bad input: names and sysctls" {
	refused_with '.hostname = "a\nb"' hostname
	refused_with '.hostname = ("x" * 65)' hostname
	refused_with '.hostname = "a/b"' hostname
	refused_with '.domainname = ("x" * 65)' domainname
	refused_with '.hostname = "x" | .linux.namespaces |= map(select(.type != "uts"))' hostname UTS
	local key
	for key in ../../etc/passwd /etc/passwd kernel/../x "net.ipv4..x" "kernel.hostname" "vm.swappiness" "" 'net.a b'; do
		refused_with ".linux.sysctl = {\"$key\": \"1\"}" sysctl
	done
	refused_with '.linux.sysctl = {"kernel.msgmax": "1\n2"}' kernel.msgmax
}

# bats test_tags=moat
@test "bad input: namespaces" {
	refused_with '.linux.namespaces += [{type: "nonsense"}]' 'linux.namespaces[' nonsense
	refused_with '.linux.namespaces += [{type: "pid"}]' 'linux.namespaces[' duplicated pid
	refused_with '.linux.namespaces |= map(select(.type != "network"))' linux.namespaces network
	refused_with '.linux.namespaces |= map(select(.type != "pid"))' linux.namespaces pid
	refused_with '.linux.namespaces |= map(select(.type != "mount"))' linux.namespaces mount
	refused_with '.linux.namespaces |= map(if .type == "uts" then .path = "proc/x" else . end)' 'linux.namespaces[' absolute
	refused_with '.linux.namespaces |= map(if .type == "network" then .path = "/nonexistent" else . end)' /nonexistent
	refused_with '.linux.namespaces |= map(if .type == "network" then .path = "/etc/passwd" else . end)' /etc/passwd
	refused_with '.linux.namespaces |= map(if .type == "network" then .path = "/proc/self/ns/uts" else . end)' /proc/self/ns/uts
}

# bats test_tags=moat
@test "bad input: devices, paths, hooks, maps" {
	refused_with '.linux.devices = [{path: "/dev/x", type: "z", major: 1, minor: 1}]' 'linux.devices[0].type'
	refused_with '.linux.devices = [{path: "dev/x", type: "c", major: 1, minor: 1}]' 'linux.devices[0].path'
	refused_with '.linux.devices = [{path: "/dev/x", type: "c", major: -1, minor: 1}]' 'linux.devices[0].major'
	refused_with '.linux.maskedPaths += ["x"]' 'linux.maskedPaths[' absolute
	refused_with '.linux.readonlyPaths = ["/x", "y"]' 'linux.readonlyPaths[1]' absolute
	refused_with '.linux.rootfsPropagation = "sometimes"' linux.rootfsPropagation sometimes
	refused_with '.hooks.prestart = [{path: "relative"}]' 'hooks.prestart[0].path'
	refused_with '.hooks.poststop = [{path: "/bin/true", timeout: 0}]' 'hooks.poststop[0].timeout'
	refused_with '.linux.uidMappings = [{containerID: 0, hostID: 0, size: 0}]' 'linux.uidMappings[0].size'
	refused_with '.annotations = {"a": 1}' annotations
}

# ---- root and mounts ----

# bats test_tags=moat
@test "bad input: roots" {
	mv "$B/rootfs" "$T/outside"
	touch "$B/rootfs"
	refused "invalid rootfs" "$B/rootfs"
	rm "$B/rootfs"
	mkfifo "$B/rootfs"
	refused "invalid rootfs" "$B/rootfs"
	rm "$B/rootfs"
	ln -s "$T/outside" "$B/rootfs"
	refused "invalid rootfs" root.path
	ln -sfn ../outside "$B/rootfs"
	refused "invalid rootfs" root.path
	ln -sfn nowhere "$B/rootfs"
	refused "invalid rootfs" "$B/rootfs"
	ln -sfn rootfs "$B/rootfs"
	refused "invalid rootfs" "$B/rootfs"
	rm "$B/rootfs"
	refused_with '.root.path = "../outside"' "invalid rootfs" root.path
	refused_with '.root.path = "/etc/../"' "invalid rootfs"
	refused_with '.root.path = ""' root.path
	refused_with 'del(.root)' root
	refused_with '.root.path = null' root.path
	ls "$T/outside/bin/busybox"
}

# bats test_tags=moat
@test "bad input: mounts" {
	mkfifo "$T/fifo"
	mknod "$T/device" c 195 0
	refused_with '.mounts += [{type: "bind", destination: "/x", options: ["bind"]}]' 'mounts[7].source'
	refused_with '.mounts += [{type: "tmpfs", source: "tmpfs"}]' 'mounts[7].destination'
	refused_with '.mounts += [{type: "tmpfs", source: "tmpfs", destination: ""}]' 'mounts[7].destination'
	refused_with ".mounts += [{type: \"bind\", destination: \"/x\", source: \"$T/fifo\", options: [\"bind\"]}]" "$T/fifo" /x
	refused_with ".mounts += [{type: \"bind\", destination: \"/x\", source: \"$T/device\", options: [\"bind\"]}]" "mounts: the device at '/x'" 195:0
	ln -s loop "$T/loop"
	refused_with ".mounts += [{type: \"bind\", destination: \"/x\", source: \"$T/loop\", options: [\"bind\"]}]" "$T/loop"
}

# bats test_tags=moat
@test "bad input: mounts that only the guest can refuse" {
	refused_with '.mounts += [{type: "nonsense", source: "none", destination: "/mnt"}]' /mnt "no such device"
	refused_with '.mounts += [{type: "tmpfs", source: "none", destination: "/mnt", options: ["size=nonsense"]}]' /mnt
	# A directory where a file must be
	refused_with '.mounts += [{type: "bind", source: "/etc/hostname", destination: "/bin", options: ["bind"]}]' /bin
}

# bats test_tags=moat
@test "bad input: a working directory, a file for the program's directory" {
	refused_with '.root.readonly = true | .process.cwd = "/no/such/directory"' /no/such/directory
	refused_with '.process.cwd = "/etc/passwd"' /etc/passwd
	refused_with '.process.args = ["/etc/passwd/x"]' /etc/passwd/x
}

# ---- flags ----

# bats test_tags=moat
@test "bad input: the longest id, and a longer one" {
	local id
	id=$(printf '%01024d' 0)
	ko 1 create --bundle "$B" "${id}0"
	message "moat create failed: invalid container ID format"
	# A name may have 255 bytes.
	ko 1 create --bundle "$B" "$id"
	is "$(grep -c level=error <<<"$stderr")" 1
	has "$stderr" "moat create failed: "
	[ -z "$(entries "$ROOT")" ]
	local verb
	for verb in state start kill delete "delete --force" pause resume; do
		# shellcheck disable=SC2086
		ko 1 $verb ../x
		message "invalid container ID format"
	done
	ko 255 exec ../x true
	message "exec failed: invalid container ID format"
}

# bats test_tags=moat
@test "bad input: files that cannot be written" {
	args sleep 1000
	ko 1 create --bundle "$B" --pid-file "$T/no/where" "$CT"
	has "$stderr" --pid-file "$T/no/where"
	mkdir "$T/directory"
	ko 1 create --bundle "$B" --pid-file "$T/directory" "$CT"
	has "$stderr" --pid-file "$T/directory"
	ko 1 create --bundle "$B" --pid-file "" "$CT"
	has "$stderr" --pid-file
	ko 1 run --detach --bundle "$B" --pid-file "$T/no/where" "$CT"
	has "$stderr" --pid-file "$T/no/where"
	[ -z "$(entries "$ROOT")" ]
	ok run --detach --bundle "$B" "$CT"
	ko 255 exec --detach --pid-file "$T/no/where" "$CT" sleep 1008
	has "$stderr" --pid-file "$T/no/where"
	ok exec "$CT" sh -c 'ps -o args | grep -c "^sleep 1008$" || true'
	is "$output" 0
}

# bats test_tags=moat
@test "bad input: bundles that are none" {
	touch "$T/file"
	ko 1 create --bundle "$T/file" "$CT"
	has "$stderr" "moat create failed: chdir $T/file: "
	ln -s loop "$T/loop"
	ko 1 create --bundle "$T/loop" "$CT"
	has "$stderr" "moat create failed: chdir $T/loop: "
	ko 1 create --bundle "" "$CT"
	has "$stderr" "moat create failed: chdir"
}

# ---- configuration file ----

# bats test_tags=moat
@test "bad input: the configuration file" {
	settings 'no_such_key = 1'
	refused "$T/configuration.toml:" no_such_key hypervisor.qemu
	settings 'default_memory = "much"'
	refused "$T/configuration.toml:" default_memory "an integer"
	settings 'default_memory = 1'
	refused "$T/configuration.toml:" default_memory between
	settings 'machine_type = "pdp11"'
	refused "$T/configuration.toml:" machine_type '"q35"'
	settings 'kernel = "relative"'
	refused "$T/configuration.toml:" kernel absolute
	settings 'default_memory = 256' 'default_memory = 512'
	refused "$T/configuration.toml:" default_memory
	settings '[nonsense]'
	refused "$T/configuration.toml:" nonsense
	settings 'default_memory ='
	refused "$T/configuration.toml:"
	settings
	chmod 666 "$T/configuration.toml"
	refused "$T/configuration.toml" "can be written to by everybody"
	chmod 644 "$T/configuration.toml"
	chown 1000 "$T/configuration.toml"
	refused "$T/configuration.toml" "it must be root's"
	OPTIONS=(--config "$T/nowhere")
	refused "$T/nowhere" "no such file or directory"
	OPTIONS=(--config "$T")
	refused "$T" "is a directory"
	mkfifo "$T/fifo"
	OPTIONS=(--config "$T/fifo")
	refused "$T/fifo" "not a regular file"
}

# ---- kernel, initramfs, QEMU, virtiofsd ----

# bats test_tags=moat
@test "bad input: kernel and initramfs that are missing or something else" {
	local key
	echo "not a kernel" >"$T/text"
	for key in kernel initrd; do
		settings "$key = \"$T/nowhere\""
		refused "hypervisor.qemu.$key" "$T/nowhere" "no such file or directory"
		settings "$key = \"$T\""
		refused "hypervisor.qemu.$key" "$T" "not a regular file"
	done
	settings "kernel = \"$T/text\""
	refused "$T/text" "did not come up"
	settings "kernel = \"$BASE/rootfs/bin/busybox\""
	refused bin/busybox "did not come up" PVH
	: >"$T/empty"
	settings "kernel = \"$T/empty\""
	refused "$T/empty" "did not come up"
}

# bats test_tags=moat
@test "bad input: a guest that does not boot" {
	echo "not an initramfs" >"$T/text"
	settings "initrd = \"$T/text\""
	refused "$T/text" "did not come up" "its console says" "Kernel panic"
	settings 'kernel_params = "rdinit=/nonexistent"'
	refused vmlinux "did not come up" "its console says" "Kernel panic"
	# Nothing comes up in so short a time.
	settings '[agent.moat]' 'boot_timeout = 1' '[hypervisor.qemu]'
	sed -i '$d' "$T/configuration.toml"
	sed -i '/^\[agent/i accelerator = "tcg"' "$T/configuration.toml"
	refused "did not come up" "no answer from the agent in 1 s"
}

# bats test_tags=moat
@test "bad input: QEMU that is missing or ends at once" {
	settings "path = \"$T/nowhere\""
	refused hypervisor.qemu.path "$T/nowhere" "no such file or directory"
	touch "$T/text"
	settings "path = \"$T/text\""
	refused hypervisor.qemu.path "$T/text" "not an executable file"
	program "$T/program" 'exit 3'
	settings "path = \"$T/program\""
	refused "$T/program" "exit status 3"
	program "$T/program" 'echo some words >&2; exit 3'
	refused "$T/program" "exit status 3" "some words"
	program "$T/program" 'kill -SEGV $$'
	refused "$T/program" signal
	program "$T/program" 'yes words >&2'
	settings "path = \"$T/program\"" '[agent.moat]' 'boot_timeout = 1'
	refused "$T/program"
	settings 'cpu_model = "nonsense"'
	refused nonsense "exit status 1"
}

# bats test_tags=moat
@test "bad input: virtiofsd that is missing or ends at once" {
	settings "virtio_fs_daemon = \"$T/nowhere\""
	refused hypervisor.qemu.virtio_fs_daemon "$T/nowhere" "no such file or directory"
	program "$T/program" 'exit 3'
	settings "virtio_fs_daemon = \"$T/program\""
	refused virtiofsd "$T/program" "exit status 3"
	program "$T/program" 'echo some words >&2; exit 3'
	refused virtiofsd "$T/program" "exit status 3" "some words"
	settings 'virtio_fs_extra_args = ["--nonsense"]'
	refused virtiofsd "exit status" nonsense
}

# bats test_tags=moat
@test "bad input: QEMU and virtiofsd that do nothing" {
	program "$T/program" 'exec sleep 1000'
	settings "path = \"$T/program\"" '[agent.moat]' 'boot_timeout = 2'
	refused "$T/program" "no answer"
	settings "virtio_fs_daemon = \"$T/program\"" '[agent.moat]' 'boot_timeout = 5'
	refused "did not come up"
}

# program FILE TEXT: a shell script
program()
{
	printf '#!/bin/sh\n%s\n' "$2" >"$1"
	chmod 755 "$1"
}

# bats test_tags=moat
@test "bad input: an accelerator that is not there" {
	! grep -qE '^flags.*\b(vmx|svm)\b' /proc/cpuinfo || skip "this host may have KVM"
	settings 'accelerator = "kvm"'
	refused kvm
}

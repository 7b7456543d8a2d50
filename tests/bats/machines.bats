#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# bats file_tags=moat
#
# What matters most, on each machine type, and with other settings of the VM

load helpers

# essentials: stdio, exit code, exec, bind mounts, a terminal, clean deletion
essentials()
{
	mkdir "$T/share"
	bind "$T/share" /mnt
	script 'cat; echo err >&2; echo shared >/mnt/file; exit 7'
	ko 7 run --bundle "$B" "$CT" <<<"in"
	is "$output $stderr $(cat "$T/share/file")" "in err shared"
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	ok exec "$CT" sha256sum /bin/busybox
	is "${output%% *}" "$(sha256sum <"$B/rootfs/bin/busybox" | cut -d' ' -f1)"
	in_terminal "$BIN" "${OPTIONS[@]}" --root "$ROOT" exec -t "$CT" tty <<<""
	has "$output" /dev/pts/
	ok kill "$CT" KILL
	within 60 has_status stopped
	ok delete "$CT"
	within 10 nothing_new "$T/host.before"
}

@test "machines: q35" {
	settings 'machine_type = "q35"'
	essentials
}

@test "machines: microvm" {
	settings 'machine_type = "microvm"'
	essentials
}

@test "machines: tcg" {
	settings 'accelerator = "tcg"'
	essentials
}

@test "machines: kvm" {
	requires kvm
	settings 'accelerator = "kvm"'
	essentials
}

@test "machines: memory, processors, kernel parameters" {
	settings 'default_memory = 160' 'default_vcpus = 2' 'kernel_params = "moat.test=a,b=c"' 'virtio_fs_cache = "never"'
	script 'grep -c ^processor /proc/cpuinfo; cat /proc/cmdline; sed -n "s/MemTotal: *\([0-9]*\) kB/\1/p" /proc/meminfo'
	ok run --bundle "$B" "$CT"
	is "$(head -n 1 <<<"$output")" 2
	has "$output" " moat.test=a,b=c"
	local kb
	kb=$(tail -n 1 <<<"$output")
	((kb > 80000 && kb < 164000))
}

@test "machines: processors share a thread where the emulation needs it" {
	settings 'accelerator = "tcg"'
	ok run --dry-run --bundle "$B" "$CT"
	has "$(jq -r '.vm.argv | join(" ")' "$T/stdout")" " tcg,thread=multi,"
	settings 'accelerator = "tcg"' 'default_vcpus = 2'
	ok run --dry-run --bundle "$B" "$CT"
	local threads=multi
	[[ ! $(qemu-system-x86_64 --version) =~ version\ (7|8\.0)\. ]] || threads=single
	has "$(jq -r '.vm.argv | join(" ")' "$T/stdout")" " tcg,thread=$threads,"
}

@test "machines: the smallest memory that is allowed, or an error that says so" {
	settings 'default_memory = 32' '[agent.moat]' 'boot_timeout = 20'
	LIMIT=100 rt run --bundle "$B" "$CT"
	((status < 2))
	[ "$status" = 0 ] || has "$stderr" "did not come up"
}

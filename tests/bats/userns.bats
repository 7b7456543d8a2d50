#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# linux.uidMappings and linux.gidMappings: a user namespace, in the guest

load helpers

setup()
{
	begin
	make_bundle
	# Files are shared between bundles: this one's get owners of their own
	rm -r "$B/rootfs"
	cp -a "$BASE/rootfs" "$B/rootfs"
	chown -hR 100000:200000 "$B/rootfs"
	chmod 755 "$T" "$B"
	edit '.linux.namespaces += [{type: "user"}] | .root.readonly = false
		| .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 2000}]
		| .linux.gidMappings = [{containerID: 0, hostID: 200000, size: 2000}]'
}

# bats test_tags=moat
@test "user namespace: ids and maps, for init and exec" {
	args sleep 1000
	ok run --detach --bundle "$B" "$CT"
	ok exec "$CT" sh -c 'id -u; id -g; tr -s " " </proc/self/uid_map; tr -s " " </proc/self/gid_map; cat /proc/self/setgroups
		for p in self 1; do readlink /proc/$p/ns/user; done | uniq | wc -l; stat -c "%u:%g" /proc/1 /etc/passwd /dev/shm /tmp'
	is "$output" $'0\n0\n 0 100000 2000\n 0 200000 2000\nallow\n1\n0:0\n0:0\n0:0\n0:0'
	ok exec --user 1000:1000 "$CT" sh -c 'id -u; echo again >/dev/stdout; cat /proc/self/status | grep CapEff'
	is "$output" $'1000\nagain\nCapEff:\t0000000000000000'
}

# bats test_tags=moat
@test "user namespace: files belong to the mapped ids on the host" {
	mkdir -m 777 "$T/share"
	bind "$T/share" /mnt
	script 'echo x >/mnt/root; chown 5:6 /mnt/root; echo y >/etc/new; stat -c %u:%g /mnt/root; echo out >/dev/stdout; mount | grep -c .'
	edit '.process.capabilities.bounding += ["CAP_CHOWN"] | .process.capabilities.effective += ["CAP_CHOWN"]
		| .process.capabilities.permitted += ["CAP_CHOWN"]'
	ok run --bundle "$B" "$CT"
	is "$(head -n 2 <<<"$output")" $'5:6\nout'
	is "$(stat -c %u:%g "$T/share/root" "$B/rootfs/etc/new")" $'100005:200006\n100000:200000'
}

# bats test_tags=moat
@test "user namespace: root has its rights over what is the container's, and over nothing else" {
	edit '.process.capabilities = ([["bounding", "effective", "permitted"][] | {(.): ["CAP_SYS_ADMIN", "CAP_MKNOD", "CAP_SYS_TIME",
		"CAP_DAC_OVERRIDE", "CAP_SYS_RESOURCE", "CAP_NET_ADMIN"]}] | add) | .hostname = "inside"'
	script 'mount -t tmpfs none /mnt && echo tmpfs; hostname other && hostname
		mknod /tmp/null c 1 3 || echo no node; date -s @0 >/dev/null; ip link set lo down || echo no net
		echo 1 >/proc/sys/kernel/printk || echo no sysctl
		for d in null zero full random urandom tty; do [ -c /dev/$d ] && echo -n "$d "; done; echo ok >/dev/null; head -c 4 /dev/zero | wc -c'
	ok run --bundle "$B" "$CT"
	is "$output" $'tmpfs\nother\nno node\nno net\nno sysctl\nnull zero full random urandom tty 4'
	has "$stderr" "date: can't set date: Operation not permitted"
}

# bats test_tags=moat
@test "user namespace: limits above the guest's, sysctls, terminal, other user" {
	edit '.process.rlimits = [{type: "RLIMIT_NOFILE", hard: 1048576, soft: 1048576}, {type: "RLIMIT_MEMLOCK", hard: 99999744, soft: 99999744}]
		| .linux.sysctl = {"kernel.msgmax": "65536"} | .process.user = {uid: 1000, gid: 1000, additionalGids: [100]}
		| .process.oomScoreAdj = 100'
	script 'ulimit -n; ulimit -l; cat /proc/sys/kernel/msgmax /proc/self/oom_score_adj; id -u; id -G; echo x >/dev/stderr'
	ok run --bundle "$B" "$CT"
	is "$output" $'1048576\n97656\n65536\n100\n1000\n1000 100'
	is "$stderr" x
	edit '.process.terminal = true | .process.args = ["sh", "-c", "tty; stat -c %u /dev/pts/0; test -w /dev/console && echo writable"]'
	in_terminal "$BIN" "${OPTIONS[@]}" --root "$ROOT" run --bundle "$B" "$CT" </dev/null
	has "$output" /dev/pts/0 1000 writable
}

# bats test_tags=moat
@test "user namespace: cgroups of its own can be made" {
	edit '.linux.namespaces += [{type: "cgroup"}] | .linux.namespaces |= unique
		| .mounts = [.mounts[] | if .type == "cgroup" then .options = ["nosuid", "noexec", "nodev"] else . end]'
	script 'stat -c %u /sys/fs/cgroup/cgroup.procs; mkdir /sys/fs/cgroup/below && echo made; cat /proc/self/cgroup'
	ok run --bundle "$B" "$CT"
	is "$output" $'0\nmade\n0::/'
}

# bats test_tags=moat
@test "user namespace: pause, seccomp, time namespace and hooks go together with it" {
	edit '.linux.namespaces += [{type: "time"}] | .linux.timeOffsets = {boottime: {secs: 1000000}} | .process.noNewPrivileges = false
		| .linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir"], action: "SCMP_ACT_ERRNO"}]}
		| .hooks.startContainer = [{path: "/bin/sh", args: ["sh", "-c", "id -u >/etc/hook"]}]'
	script 'cut -c1 /proc/uptime; mkdir /tmp/x || sleep 1000'
	ok run --detach --bundle "$B" "$CT"
	ok pause "$CT"
	ok resume "$CT"
	ok exec "$CT" sh -c 'cat /etc/hook; cut -c1-2 /proc/uptime; mkdir /tmp/x || echo no'
	is "$output" $'0\n10\nno'
}

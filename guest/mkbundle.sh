#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# mkbundle.sh DIR [ARG...]: an OCI bundle with busybox as its root file system
#
# ARG... becomes process.args (default: sh), without a terminal; TERMINAL=1 asks for one. config.json
# comes from `moat spec` (MOAT=, default build/release/moat), or from the template below while there is
# no moat. BUSYBOX= names a static busybox, default /bin/busybox (package busybox-static).
set -euo pipefail

die()
{
	echo "mkbundle: $*" >&2
	exit 1
}

umask 022
[ $# -ge 1 ] || die "usage: mkbundle.sh DIR [ARG...]"
bundle=$1
shift
top=$(cd -- "$(dirname -- "$0")/.." && pwd)
moat=${MOAT:-$top/build/release/moat}
busybox=${BUSYBOX:-/bin/busybox}
[ -x "$busybox" ] || die "$busybox: not there (package busybox-static)"
if LC_ALL=C readelf -lW "$busybox" 2>/dev/null | grep -q INTERP; then
	die "$busybox is not static: install busybox-static or set BUSYBOX"
fi
command -v jq >/dev/null || die "jq is missing"

root=$bundle/rootfs
mkdir -p "$root"/{bin,dev,etc,home,lib,mnt,opt,proc,root,run,srv,sys,usr,var/{log,run,tmp}} "$root/tmp"
chmod 755 "$root"
chmod 700 "$root/root"
chmod 1777 "$root/tmp" "$root/var/tmp"
for dir in bin sbin lib; do
	[ -e "$root/usr/$dir" ] || ln -s "../${dir/sbin/bin}" "$root/usr/$dir"
done
[ -e "$root/sbin" ] || ln -s bin "$root/sbin"
# Also the links that an earlier run has made, which --install would leave as they are
[ ! -e "$root/bin/busybox" ] || find "$root/bin" -samefile "$root/bin/busybox" -delete
cp -- "$busybox" "$root/bin/busybox"
chmod 755 "$root/bin/busybox"
# Hard links to itself, by the path that it was started with
"$root/bin/busybox" --install "$root/bin"

cat >"$root/etc/passwd" <<'EOF'
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr:/bin/false
user:x:1000:1000:user:/home:/bin/sh
nobody:x:65534:65534:nobody:/:/bin/false
EOF
cat >"$root/etc/group" <<'EOF'
root:x:0:
daemon:x:1:
tty:x:5:
users:x:100:user
user:x:1000:
nogroup:x:65534:
EOF
printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"

rm -f "$bundle/config.json"
if [ -x "$moat" ]; then
	"$moat" spec --bundle "$bundle" || die "$moat spec failed"
else
	cat >"$bundle/config.json" <<'EOF'
{
	"ociVersion": "1.0.2",
	"process": {
		"terminal": true,
		"user": { "uid": 0, "gid": 0 },
		"args": ["sh"],
		"env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
		"cwd": "/",
		"capabilities": {
			"bounding": ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"],
			"effective": ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"],
			"permitted": ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
		},
		"rlimits": [{ "type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024 }],
		"noNewPrivileges": true
	},
	"root": { "path": "rootfs", "readonly": true },
	"hostname": "moat",
	"mounts": [
		{ "destination": "/proc", "type": "proc", "source": "proc" },
		{ "destination": "/dev", "type": "tmpfs", "source": "tmpfs",
		  "options": ["nosuid", "strictatime", "mode=755", "size=65536k"] },
		{ "destination": "/dev/pts", "type": "devpts", "source": "devpts",
		  "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"] },
		{ "destination": "/dev/shm", "type": "tmpfs", "source": "shm",
		  "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"] },
		{ "destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue",
		  "options": ["nosuid", "noexec", "nodev"] },
		{ "destination": "/sys", "type": "sysfs", "source": "sysfs",
		  "options": ["nosuid", "noexec", "nodev", "ro"] }
	],
	"linux": {
		"namespaces": [
			{ "type": "pid" }, { "type": "network" }, { "type": "ipc" }, { "type": "uts" }, { "type": "mount" }
		],
		"maskedPaths": ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
		"readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
	}
}
EOF
fi
terminal=false
[ "${TERMINAL:-0}" = 0 ] || terminal=true
[ $# -gt 0 ] || set -- sh
jq --argjson terminal "$terminal" '.process.terminal = $terminal | .process.args = $ARGS.positional' \
	"$bundle/config.json" --args -- "$@" >"$bundle/config.json.new"
mv -f "$bundle/config.json.new" "$bundle/config.json"

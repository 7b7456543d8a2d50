#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# cri.sh RUNTIME: containerd's CRI plugin with BinaryName = RUNTIME runs pods with several containers, as the kubelet has it do
#
# Speaks gRPC with curl and protoc. Everything happens in namespaces and a temporary directory of its own. One line "ok NAME" for
# each check; ends with 1 at the first that fails. CGROUP=PATH: below which group the pods are.
set -euo pipefail
export LC_ALL=C

here=$(cd -- "${BASH_SOURCE[0]%/*}" && pwd)
runtime=$(realpath "$1")
if [ -z "${CRI_INSIDE:-}" ]; then
	exec env -i PATH="$PATH" HOME=/root CRI_INSIDE=1 CGROUP="${CGROUP:-/moat-cri-$$}" TMPDIR="${TMPDIR:-/tmp}" \
		unshare --mount --net --pid --fork --kill-child=TERM --mount-proc bash "$here/cri.sh" "$runtime"
fi

T=$(mktemp -d)
daemon=
finish()
{
	code=$?
	trap - EXIT
	[ "$code" = 0 ] || tail -n 20 "$T/containerd.log" >&2 || true
	[ -z "$daemon" ] || kill "$daemon" 2>/dev/null || true
	[ -z "$daemon" ] || wait "$daemon" || true
	# This is the first process of its pid namespace: what a failure has left running goes before its cgroups can.
	for pid in $(ps -e -o pid=); do
		[ "$pid" = 1 ] || kill -KILL "$pid" 2>/dev/null || true
	done
	wait
	awk -v t="$T/" 'index($5, t) == 1 { print $5 }' /proc/self/mountinfo | sort -r | xargs -r umount -l
	for _ in 1 2 3 4 5; do
		find /sys/fs/cgroup -depth -type d -path "*$CGROUP*" -exec rmdir {} \; 2>/dev/null || true
		sleep 0.2
	done
	rm -rf "$T"
	exit "$code"
}
trap finish EXIT
trap 'exit 1' INT TERM

# ---- checks ----

ok()
{
	echo "ok $1"
}

# is NAME VALUE WANTED
is()
{
	[ "$2" = "$3" ] || { printf 'not ok %s\nwanted: %s\ngot: %s\n' "$1" "$3" "$2"; exit 1; }
	ok "$1"
}

within()
{
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		((SECONDS < end)) || { echo "not in time: $*"; exit 1; }
		sleep 0.2
	done
}

# ---- CRI ----

# cri METHOD TEXT: a request in protobuf's text format; prints the answer in the same. The status comes in a trailer.
cri()
{
	local status
	protoc -I "$here" --encode="runtime.v1.$1Request" cri.proto <<<"$2" >"$T/body"
	{
		printf '\0'
		printf '%08x' "$(stat -c %s "$T/body")" | sed 's/../\\x&/g' | xargs -0 printf
		cat "$T/body"
	} >"$T/request"
	curl --silent --show-error --max-time 120 --http2-prior-knowledge --unix-socket "$T/sock" -H 'content-type: application/grpc' \
		-H 'te: trailers' --data-binary "@$T/request" -D "$T/headers" -o "$T/answer" "http://cri/runtime.v1.RuntimeService/$1"
	status=$(sed -n 's/^grpc-status: *\([0-9]*\).*/\1/p' "$T/headers")
	if [ "$status" != 0 ]; then
		sed -n 's/^grpc-message: *//p' "$T/headers" | tr -d '\r' >&2
		return 1
	fi
	tail -c +6 "$T/answer" | protoc -I "$here" --decode="runtime.v1.$1Response" cri.proto
}

# value KEY: of the answer on standard input, a string or a word
value()
{
	sed -n "s/^ *$1: \"\{0,1\}\([^\"]*\)\"\{0,1\}\$/\1/p"
}

# pod NAME [PID MODE]: sets CONFIG and POD
pod()
{
	CONFIG="metadata { name: \"$1\" uid: \"$1\" namespace: \"default\" } hostname: \"$1-host\" log_directory: \"$T/logs\"
		linux { cgroup_parent: \"$CGROUP\" security_context { namespace_options { pid: ${2:-CONTAINER} } } }"
	MODE=${2:-CONTAINER}
	POD=$(cri RunPodSandbox "config { $CONFIG }" | value pod_sandbox_id)
}

# container NAME WORD...: creates and starts it in POD; sets ID
container()
{
	local name=$1 word command=
	shift
	for word; do
		word=${word//\\/\\\\}
		command+=" command: \"${word//\"/\\\"}\""
	done
	ID=$(cri CreateContainer "pod_sandbox_id: \"$POD\" config { metadata { name: \"$name\" } image { image: \"localhost/cri:latest\" }
		$command log_path: \"$name.log\" linux { security_context { namespace_options { pid: $MODE } } } }
		sandbox_config { $CONFIG }" | value container_id)
	cri StartContainer "container_id: \"$ID\""
}

# in_container ID SCRIPT: what it prints
in_container()
{
	local text=${2//\\/\\\\}
	cri ExecSync "container_id: \"$1\" cmd: \"sh\" cmd: \"-c\" cmd: \"${text//\"/\\\"}\" timeout: 30" | value stdout |
		sed 's/\\n$//; s/\\n/ /g'
}

state()
{
	cri ContainerStatus "container_id: \"$1\"" | value state
}

has_state()
{
	[ "$(state "$1")" = "$2" ]
}

# programs PATTERN: of those that run here
programs()
{
	ps -e -o comm= | grep -E "^($1)" || true
}

none_runs()
{
	[ -z "$(programs 'qemu-system|virtiofsd|moat')" ]
}

# ---- the world ----

mount --make-rshared /
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs tmpfs /var/lib/cni 2>/dev/null || { mkdir -p /var/lib/cni && mount -t tmpfs tmpfs /var/lib/cni; }
ip link set lo up
mkdir "$T/logs" "$T/net.d"
plugins=/usr/lib/cni
[ -d "$plugins" ] || plugins=/opt/cni/bin
cat >"$T/net.d/10-cri.conflist" <<CONF
{"cniVersion": "0.4.0", "name": "cri", "plugins": [{"type": "bridge", "bridge": "cri0", "isGateway": true,
	"ipam": {"type": "host-local", "ranges": [[{"subnet": "10.99.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
CONF
cat >"$T/config.toml" <<CONF
version = 2
root = "$T/root"
state = "/run/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
	"io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper"]
[grpc]
address = "$T/sock"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "localhost/cri:latest"
restrict_oom_score_adj = true
disable_apparmor = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "$plugins"
conf_dir = "$T/net.d"
[plugins."io.containerd.grpc.v1.cri".containerd]
default_runtime_name = "moat"
snapshotter = "overlayfs"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.moat]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.moat.options]
BinaryName = "$T/runtime"
CONF

# Without templates, so that no other machine is there than the pod's. runc shows that the checks themselves are right.
cat >"$T/runtime" <<CONF
#!/bin/sh
exec "$runtime" --config "$T/configuration.toml" "\$@"
CONF
printf '[factory]\nenable_template = false\n' >"$T/configuration.toml"
chmod +x "$T/runtime"
machines=0
if [ "${runtime##*/}" = moat ]; then
	machines=1
else
	printf '#!/bin/sh\nexec "%s" "$@"\n' "$runtime" >"$T/runtime"
fi

# An image with busybox, as `docker save` writes it
mkdir -p "$T/image/root"/{bin,etc,proc,sys,dev,tmp,run}
cp "$(command -v busybox)" "$T/image/root/bin/busybox"
for applet in $(busybox --list); do
	[ "$applet" = busybox ] || ln -s busybox "$T/image/root/bin/$applet"
done
echo 'root:x:0:0:root:/:/bin/sh' >"$T/image/root/etc/passwd"
tar -C "$T/image/root" -cf "$T/image/layer.tar" .
digest=$(sha256sum "$T/image/layer.tar")
cat >"$T/image/config.json" <<CONF
{"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": ["sha256:${digest%% *}"]},
	"config": {"Env": ["PATH=/bin"], "Cmd": ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1; done"]}}
CONF
echo '[{"Config": "config.json", "RepoTags": ["localhost/cri:latest"], "Layers": ["layer.tar"]}]' >"$T/image/manifest.json"
tar -C "$T/image" -cf "$T/image.tar" manifest.json config.json layer.tar

containerd -c "$T/config.toml" >"$T/containerd.log" 2>&1 </dev/null &
daemon=$!
answers()
{
	cri Version '' >/dev/null 2>&1
}
within 60 answers
ctr -a "$T/sock" -n k8s.io images import "$T/image.tar" >/dev/null

# ---- a pod with two containers ----

pod p1
a=$(container a sh -c 'echo hello of a; echo error of a >&2; trap "exit 7" TERM; while :; do sleep 0.2; done' && echo "$ID")
b=$(container b sleep 1000 && echo "$ID")
is "both run" "$(state "$a") $(state "$b")" "CONTAINER_RUNNING CONTAINER_RUNNING"
is "one virtual machine" "$(programs qemu-system | wc -l)" "$machines"
is "the pod's hostname" "$(in_container "$a" hostname) $(in_container "$b" hostname)" "p1-host p1-host"
is "the pod's address" "$(in_container "$b" 'ip -4 -o addr show eth0 | sed "s/.*inet //; s,/.*,,"')" \
	"$(cri PodSandboxStatus "pod_sandbox_id: \"$POD\"" | value ip)"
is "ipc is shared, pids are not" "$(in_container "$a" 'readlink /proc/self/ns/ipc; ls /proc/1/exe >/dev/null && tr "\0" " " </proc/1/cmdline | cut -c 1-2')" \
	"$(in_container "$b" 'readlink /proc/self/ns/ipc') sh"
in_container "$a" 'echo through memory >/dev/shm/x' >/dev/null
is "/dev/shm" "$(in_container "$b" 'cat /dev/shm/x')" "through memory"
is "exec's exit code" "$(cri ExecSync "container_id: \"$b\" cmd: \"sh\" cmd: \"-c\" cmd: \"exit 9\"" | value exit_code)" 9
within 20 grep -q 'stdout F hello of a' "$T/logs/a.log"
within 20 grep -q 'stderr F error of a' "$T/logs/a.log"
ok "logs"

# ---- one is restarted, the other goes on ----

cri StopContainer "container_id: \"$a\" timeout: 20"
is "its exit code" "$(cri ContainerStatus "container_id: \"$a\"" | value exit_code)" 7
cri RemoveContainer "container_id: \"$a\""
a=$(container a sh -c 'cat /dev/shm/x; sleep 1000' && echo "$ID")
within 20 grep -q 'stdout F through memory' "$T/logs/a.log"
is "a second a" "$(state "$a") $(state "$b")" "CONTAINER_RUNNING CONTAINER_RUNNING"
cri StopContainer "container_id: \"$a\" timeout: 0"
is "one that is killed" "$(cri ContainerStatus "container_id: \"$a\"" | value exit_code)" 137
missing=$(cri CreateContainer "pod_sandbox_id: \"$POD\" config { metadata { name: \"c\" } image { image: \"localhost/cri:latest\" }
	command: \"/no/such\" } sandbox_config { $CONFIG }" | value container_id)
if cri StartContainer "container_id: \"$missing\"" 2>"$T/why"; then
	echo "not ok a program that is missing"
	exit 1
fi
grep -q 'no such file or directory' "$T/why"
is "a program that is missing" "$(cri ContainerStatus "container_id: \"$missing\"" | value reason)" StartError
is "the pod is unharmed" "$(in_container "$b" 'echo yes')" yes

cri StopPodSandbox "pod_sandbox_id: \"$POD\""
within 20 has_state "$b" CONTAINER_EXITED
within 20 none_runs
ok "none runs any more"
cri RemovePodSandbox "pod_sandbox_id: \"$POD\""

# ---- one whose containers share their processes, and whose sandbox dies ----

pod p2 POD
a=$(container a sleep 1001 && echo "$ID")
b=$(container b sleep 1002 && echo "$ID")
is "pids are shared" "$(in_container "$b" 'ps | grep -c "sleep 100[12]$"')" 2
cri StopContainer "container_id: \"$a\" timeout: 0"
is "the other one stays" "$(state "$b") $(in_container "$b" 'ps | grep -c "sleep 100[12]$"')" "CONTAINER_RUNNING 1"
if [ "$machines" = 1 ]; then
	pkill -KILL -o moat-monitor
else
	cri StopPodSandbox "pod_sandbox_id: \"$POD\""
fi
within 20 has_state "$b" CONTAINER_EXITED
is "the end of all" "$(cri ContainerStatus "container_id: \"$b\"" | value exit_code)" 137
cri StopPodSandbox "pod_sandbox_id: \"$POD\""
cri RemovePodSandbox "pod_sandbox_id: \"$POD\""
within 20 none_runs
is "nothing of it is left" "$(find /sys/fs/cgroup -mindepth 2 -type d -path "*$CGROUP/*" | wc -l)" 0
is "no state is left" "$(find /run/containerd/runc/k8s.io -mindepth 1 -maxdepth 1 ! -name '@*' | wc -l)" 0

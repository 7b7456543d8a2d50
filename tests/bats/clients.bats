#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# contrib/clients: what tells podman, docker, containerd and CRI-O about moat.
#
# bats file_tags=moat

load helpers

setup()
{
	begin
	SETUP=$TOP/contrib/clients/setup.sh
	R=$T/system
}

teardown()
{
	finish
}

# setup_ok ARG...
setup_ok()
{
	try "$SETUP" --root "$R" --moat "$BIN" "$@"
	[ "$status" = 0 ]
}

tree()
{
	find "$R" -type f -exec sha256sum {} + | sort
}

@test "clients: podman and docker know moat afterwards, and not when it is removed" {
	requires podman
	setup_ok podman docker crio containerd
	local first
	first=$(tree)
	setup_ok podman docker crio containerd
	is "$(tree)" "$first"
	is "$(CONTAINERS_CONF=$R/etc/containers/containers.conf.d/50-moat.conf podman --root "$T/storage" --runroot "$T/run" \
		--storage-driver vfs --cgroup-manager cgroupfs --runtime moat info --format '{{.Host.OCIRuntime.Path}}' 3>&-)" "$BIN"
	is "$(jq -r .runtimes.moat.path "$R/etc/docker/daemon.json")" "$BIN"
	has "$(cat "$R/etc/crio/crio.conf.d/50-moat.conf")" "runtime_path = \"$BIN\""
	setup_ok --remove podman docker crio containerd
	is "$(find "$R" -type f ! -name daemon.json)" ""
	is "$(cat "$R/etc/docker/daemon.json")" "{}"
}

@test "clients: containerd reads it, and what was in its file stays" {
	requires containerd
	mkdir -p "$R/etc/containerd"
	printf 'version = 2\nroot = "%s"\n\n[plugins."io.containerd.grpc.v1.cri"]\n  sandbox_image = "pause:1"\n' "$T/root" >"$R/etc/containerd/config.toml"
	local before
	before=$(cat "$R/etc/containerd/config.toml")
	setup_ok containerd
	setup_ok containerd
	try containerd --config "$R/etc/containerd/config.toml" config dump
	[ "$status" = 0 ]
	has "$output" 'sandbox_image = "pause:1"' "BinaryName = \"$BIN\""
	setup_ok --remove containerd
	is "$(cat "$R/etc/containerd/config.toml")" "$before"
}

@test "clients: docker's other settings stay, and a damaged file is left alone" {
	mkdir -p "$R/etc/docker"
	echo '{"debug": true, "runtimes": {"other": {"path": "/o"}}}' >"$R/etc/docker/daemon.json"
	setup_ok docker
	is "$(jq -c . "$R/etc/docker/daemon.json")" "{\"debug\":true,\"runtimes\":{\"other\":{\"path\":\"/o\"},\"moat\":{\"path\":\"$BIN\"}}}"
	setup_ok --remove docker
	is "$(jq -c . "$R/etc/docker/daemon.json")" '{"debug":true,"runtimes":{"other":{"path":"/o"}}}'
	echo '{"debug": tr' >"$R/etc/docker/daemon.json"
	try "$SETUP" --root "$R" --moat "$BIN" docker
	is "$status" 1
	has "$stderr" "is not JSON: nothing was changed"
	is "$(cat "$R/etc/docker/daemon.json")" '{"debug": tr'
	is "$(ls "$R/etc/docker")" daemon.json
}

@test "clients: wrong arguments" {
	local args
	for args in "" "nomad" "--moat relative docker"; do
		# shellcheck disable=SC2086
		try "$SETUP" --root "$R" $args
		is "$status" 1
		has "$stderr" setup:
	done
	[ ! -e "$R" ]
}

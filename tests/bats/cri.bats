#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Pods of containerd's CRI plugin.

load helpers

@test "cri: containerd runs pods of several containers" {
	requires containerd ctr protoc curl
	[ -d /usr/lib/cni ] || [ -d /opt/cni/bin ] || skip "no CNI plugins"
	LIMIT=300 CGROUP=/$SUITE-cri try "$TOP/tests/cri/cri.sh" "$BIN"
	is "$status" 0
}

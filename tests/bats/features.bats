#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# features: what callers read, and that it is true.

load helpers

@test "features: has what callers read" {
	ok features
	is "$stderr" ""
	# CRI-O wants both versions, docker and containerd the rest.
	jq -e '(.ociVersionMin | test("^1\\.")) and (.ociVersionMax | test("^1\\.")) and (.hooks | type == "array") and (.mountOptions | index("rbind") != null)
		and (.annotations | type == "object")' <<<"$output"
	jq -e '.linux | (.namespaces | index("pid") != null) and (.capabilities | index("CAP_CHOWN") != null) and .cgroup.v2 == true
		and ([.seccomp, .apparmor, .selinux] | all(has("enabled")))' <<<"$output"
	jq -e '.mountOptions | . == (. | sort) and (. | unique | length) == length' <<<"$output"
	ko 1 features --no-such-option
}

# bats test_tags=moat
@test "features: needs no configuration and takes no arguments" {
	try env -i "$BIN" --config /nonexistent features
	[ "$status" = 0 ]
	is "$(jq -r '.annotations["io.moat.version"]' <<<"$output")" "$("$BIN" --version | sed -n '1s/.* //p')"
	is "$(jq -r .ociVersionMax <<<"$output")" "$("$BIN" --version | sed -n 's/^spec: //p')"
	ko 1 features x
}

# Each namespace that is claimed is one that the container has for itself.
# bats test_tags=moat
@test "features: claimed namespaces are made" {
	ok features
	local claimed
	claimed=$(jq -r '.linux.namespaces[]' <<<"$output")
	edit '.linux.namespaces = [$ARGS.positional[] | {type: .}] | .linux.uidMappings = [{containerID: 0, hostID: 0, size: 65536}]
		| .linux.gidMappings = .linux.uidMappings' --args -- $claimed
	args true
	ok run --bundle "$B" "$CT"
	is "$stderr" ""
}

# Nothing that warns "not applied" is claimed.
# bats test_tags=moat
@test "features: what is not applied is not claimed" {
	ok features
	local features=$output hook
	edit '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW"} | .process.apparmorProfile = "x" | .process.selinuxLabel = "x"
		| .hooks = (["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]
			| map({key: ., value: [{path: "/bin/true"}]}) | from_entries)'
	rt create --bundle "$B" "$CT"
	for hook in prestart createRuntime createContainer startContainer poststart poststop; do
		said "hooks.$hook is not applied" "$(jq ".hooks | index(\"$hook\") == null" <<<"$features")"
	done
	said "linux.seccomp is not applied" "$(jq '.linux.seccomp.enabled | not' <<<"$features")"
	jq -e '.linux.seccomp | (.actions | index("SCMP_ACT_ERRNO") and (index("SCMP_ACT_NOTIFY") | not)) and (.archs | index("SCMP_ARCH_X86_64"))
		and (.operators | index("SCMP_CMP_MASKED_EQ")) and (.supportedFlags | index("SECCOMP_FILTER_FLAG_LOG"))' <<<"$features"
	said "process.apparmorProfile has no effect" "$(jq '.linux.apparmor.enabled | not' <<<"$features")"
	said "process.selinuxLabel has no effect" "$(jq '.linux.selinux.enabled | not' <<<"$features")"
}

# said TEXT WANTED: the warning was given, or not
said()
{
	local got=false
	[[ $stderr != *"$1"* ]] || got=true
	[ "$got" = "$2" ] || { echo "$1: warned $got, not claimed $2"; return 1; }
}

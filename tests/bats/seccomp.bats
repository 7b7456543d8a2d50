#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# linux.seccomp, with what the calls answer inside

load helpers

# profile DEFAULT [CALL...]: sets linux.seccomp; CALL is a JSON object
profile()
{
	local default=$1
	shift
	edit --arg default "$default" '.linux.seccomp = {defaultAction: $default,
		architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"], syscalls: ($ARGS.positional | map(fromjson))}' --args -- "$@"
}

# call ACTION NAME [ARGS]: such an object
call()
{
	jq -n --arg action "$1" --arg name "$2" --argjson args "${3:-[]}" '{names: [$name], action: $action, args: $args}'
}

@test "seccomp: an errno, the default one and one of its own" {
	profile SCMP_ACT_ALLOW "$(call SCMP_ACT_ERRNO mkdir)" "$(call SCMP_ACT_ERRNO rmdir | jq '.errnoRet = 28')"
	script 'mkdir /tmp/a; rmdir /tmp; grep Seccomp: /proc/self/status'
	edit '.root.readonly = false'
	ok run --bundle "$B" "$CT"
	is "$stderr" "mkdir: can't create directory '/tmp/a': Operation not permitted
rmdir: '/tmp': No space left on device"
	is "$output" $'Seccomp:\t2'
}

@test "seccomp: kill, trap and log" {
	profile SCMP_ACT_ALLOW "$(call SCMP_ACT_KILL_PROCESS mkdir)" "$(call SCMP_ACT_TRAP rmdir)" "$(call SCMP_ACT_LOG chmod)" \
		"$(call SCMP_ACT_KILL chroot)"
	script 'mkdir /a; echo $?; rmdir /a; echo $?; chroot / true; echo $?; chmod 700 /dev; echo $?'
	ok run --bundle "$B" "$CT"
	is "$output" $'159\n159\n159\n0'
}

@test "seccomp: arguments, masked ones too" {
	profile SCMP_ACT_ALLOW \
		"$(call SCMP_ACT_ERRNO chmod '[{"index": 1, "value": 7, "valueTwo": 5, "op": "SCMP_CMP_MASKED_EQ"}]')" \
		"$(call SCMP_ACT_ERRNO kill '[{"index": 1, "value": 10, "op": "SCMP_CMP_EQ"}]')"
	script 'chmod 747 /dev && echo one; chmod 745 /dev || echo two; kill -0 $$ && echo three; kill -USR1 $$ || echo four'
	ok run --bundle "$B" "$CT"
	is "$output" $'one\ntwo\nthree\nfour'
	has "$stderr" "chmod: /dev: Operation not permitted"
}

@test "seccomp: unknown system calls are ignored" {
	profile SCMP_ACT_ALLOW "$(call SCMP_ACT_ERRNO mkdir | jq '.names += ["no_such_call"]')"
	script 'mkdir /tmp/a || echo no'
	edit '.root.readonly = false'
	ok run --bundle "$B" "$CT"
	is "$output" no
}

# bats test_tags=moat
@test "seccomp: what it does not know is said once" {
	profile SCMP_ACT_ALLOW "$(call SCMP_ACT_ERRNO mkdir | jq '.names += ["no_such_call", "nor_this"]')"
	ok run --bundle "$B" "$CT"
	has "$stderr" "level=warning" "linux.seccomp: unknown system calls are ignored: no_such_call, nor_this"
}

@test "seccomp: with and without no_new_privs, as another user, also for exec" {
	local nnp
	for nnp in true false; do
		profile SCMP_ACT_ALLOW "$(call SCMP_ACT_ERRNO mkdir)"
		edit --argjson nnp $nnp '.process.noNewPrivileges = $nnp | .process.user = {uid: 1000, gid: 1000}'
		args sleep 1000
		ok run --detach --bundle "$B" "$CT-$nnp"
		ok exec "$CT-$nnp" grep -E "^(Uid|Seccomp):" /proc/1/status
		is "$output" $'Uid:\t1000\t1000\t1000\t1000\nSeccomp:\t2'
		ok exec "$CT-$nnp" sh -c 'mkdir /tmp/a; grep -E "^(NoNewPrivs|Seccomp):" /proc/self/status'
		has "$stderr" "mkdir: can't create directory '/tmp/a': Operation not permitted"
		is "$output" $'NoNewPrivs:\t'"$([ $nnp = true ] && echo 1 || echo 0)"$'\nSeccomp:\t2'
		# A process of the caller's own has the container's profile too
		jq '.process | .args = ["mkdir", "/tmp/a"] | .noNewPrivileges = true' "$B/config.json" >"$T/process.json"
		ko 1 exec --process "$T/process.json" "$CT-$nnp"
		has "$stderr" "Operation not permitted"
		ok delete --force "$CT-$nnp"
	done
}

@test "seccomp: the profile of docker" {
	edit --slurpfile docker "$TOP/tests/data/docker-run.json" '.linux.seccomp = $docker[0].linux.seccomp'
	script 'grep Seccomp: /proc/self/status; unshare -U true; echo $?; keyctl 2>/dev/null; cat /etc/container | wc -l; (true | true) && echo fine'
	ok run --bundle "$B" "$CT"
	is "$(head -n 2 <<<"$output")" $'Seccomp:\t2\n1'
	has "$stderr" "Operation not permitted"
	is "$(tail -n 1 <<<"$output")" "fine"
}

# bats test_tags=moat
@test "seccomp: as few calls as execve, with no_new_privs" {
	# What follows execve is the program's own: a static one that ends at once
	profile SCMP_ACT_KILL_PROCESS '{"names": ["execve", "brk", "arch_prctl", "set_tid_address", "set_robust_list", "rseq",
		"prlimit64", "readlink", "readlinkat", "getrandom", "mprotect", "prctl", "getuid", "getpid", "uname", "exit_group", "newuname"], "action": "SCMP_ACT_ALLOW"}'
	args true
	edit '.process.noNewPrivileges = true'
	ok run --bundle "$B" "$CT"
}

# bats test_tags=moat
@test "seccomp: a listener is refused by name, and nothing stays" {
	profile SCMP_ACT_ALLOW "$(call SCMP_ACT_NOTIFY mkdir)"
	ko 1 create --bundle "$B" "$CT"
	message "moat create failed: linux.seccomp.syscalls[0].action: SCMP_ACT_NOTIFY is not supported: a listener on the host cannot look into a VM's processes"
	profile SCMP_ACT_ALLOW
	edit '.linux.seccomp.listenerPath = "/run/x.sock"'
	ko 1 create --bundle "$B" "$CT"
	message "moat create failed: linux.seccomp.listenerPath: a listener on the host cannot look into a VM's processes"
	# libseccomp says no when the machine is there already
	edit 'del(.linux.seccomp.listenerPath) | .linux.seccomp.architectures = ["SCMP_ARCH_S390X"]'
	ko 1 create --bundle "$B" "$CT"
	has "$stderr" "linux.seccomp.architectures: SCMP_ARCH_S390X"
	ok list -q
	is "$output" ""
}

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Commands that are killed at a system call, at each of them: what they leave is cleared completely by one `delete --force`.
# Without a VM (hypervisor = "fake"), which makes it hundreds of tries in a minute; with one: delete.bats.
# Here it is every third or seventh; MOAT_TEST_KILL_FAKE_STEP=1 tries all.
# bats file_tags=moat

load helpers

setup()
{
	begin
	make_bundle
	printf '[runtime]\nhypervisor = "fake"\n' >"$T/fake.toml"
	OPTIONS=(--config "$T/fake.toml")
	args sleep 1000
	mkdir "$T/data"
	bind "$T/data" /data
	# A hook, to be killed in the middle of; what it has started is its own.
	edit '.hooks = {createRuntime: [{path: "/bin/true"}], poststop: [{path: "/bin/true"}]}
		| .linux.cgroupsPath = "/'"$CT"'" | .linux.resources.memory = {limit: 100000000}'
}

# tries COMMAND...: how many system calls it makes
tries()
{
	try "$TOOLS/killat" 0 "$BIN" "${OPTIONS[@]}" --root "$ROOT" "$@"
	[ "$status" = 0 ]
	total=$(sed -n 's/^ended after //p' <<<"$stderr")
	[ -n "$total" ]
}

# cleared N: one delete, and nothing is left
cleared()
{
	"$BIN" "${OPTIONS[@]}" --root "$ROOT" delete --force "$CT" >"$T/delete.out" 2>&1 3>&-
	is "$(<"$T/delete.out")" "" || { echo "after a kill at system call $1 of $total"; return 1; }
	[ -z "$(entries "$ROOT")" ]
	is "$(find /sys/fs/cgroup -type d -name "$CT")" "" || { echo "after a kill at system call $1 of $total"; return 1; }
}

# everywhere STEP COMMAND [ARG...]: kills it at each STEPth system call. before(): makes what the command is for.
everywhere()
{
	local total n step=${MOAT_TEST_KILL_FAKE_STEP:-$1}

	shift
	before
	tries "$@"
	cleared "the end"
	for ((n = 1; n <= total; n += step)); do
		before
		"$TOOLS/killat" "$n" "$BIN" "${OPTIONS[@]}" --root "$ROOT" "$@" >/dev/null 2>&1 3>&- || true
		# Neither hangs, whatever is there.
		"$BIN" "${OPTIONS[@]}" --root "$ROOT" list -q >/dev/null 3>&- || { echo "list failed after a kill at $n"; return 1; }
		cleared "$n"
	done
	within 20 nothing_new "$T/host.before"
}

before() { :; }

@test "killed: create" {
	everywhere 3 create --bundle "$B" "$CT"
}

@test "killed: start" {
	before() { "$BIN" "${OPTIONS[@]}" --root "$ROOT" create --bundle "$B" "$CT" >/dev/null 3>&-; }
	everywhere 7 start "$CT"
}

@test "killed: exec, kill, pause" {
	before() { "$BIN" "${OPTIONS[@]}" --root "$ROOT" run --detach --bundle "$B" "$CT" >/dev/null 3>&-; }
	everywhere 7 exec --detach "$CT" true
	everywhere 7 kill "$CT" KILL
	everywhere 7 pause "$CT"
}

@test "killed: delete" {
	before() { "$BIN" "${OPTIONS[@]}" --root "$ROOT" run --detach --bundle "$B" "$CT" >/dev/null 3>&-; }
	everywhere 7 delete --force "$CT"
}

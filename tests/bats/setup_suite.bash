# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Before the first and after the last test of a run: what all files share, and whether anything was left behind.

# shellcheck source=tests/bats/helpers.bash
source "${BASH_SOURCE[0]%/*}/helpers.bash"

setup_suite()
{
	[ "$(id -u)" = 0 ] || { echo "the tests need root"; return 1; }
	[ -n "${MOAT_TEST_BUILT:-}" ] || make -s -C "$TOP" BUILD="$BUILD" VARIANT=release bats-tools >/dev/null || return 1
	export SUITE=bats$$ BASE=$BATS_SUITE_TMPDIR/base CONFIG=$BATS_SUITE_TMPDIR/configuration.toml TEMPLATES='' SUITE_CGROUP=
	enter_cgroup
	: >"$CONFIG"
	[ -z "${MOAT_TEST_BOOT_TIMEOUT:-}" ] || printf '[agent.moat]\nboot_timeout = %s\n' "$MOAT_TEST_BOOT_TIMEOUT" >"$CONFIG"
	echo "[hypervisor.qemu]" >>"$CONFIG"
	[ -z "${MOAT_TEST_MACHINE:-}" ] || echo "machine_type = \"$MOAT_TEST_MACHINE\"" >>"$CONFIG"
	make_base || return 1
	make_templates || return 1
	host_things >"$BATS_SUITE_TMPDIR/host.before"
}

teardown_suite()
{
	local bad=0
	within 10 nothing_new "$BATS_SUITE_TMPDIR/host.before" || bad=1
	leave_cgroup || bad=1
	return $bad
}

# All that the tests start lives below a cgroup of this run's own, where it can be found whatever it does. They themselves are a level
# deeper: containers come to be beside their caller.
enter_cgroup()
{
	local mount old
	mount=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts)
	old=$(sed -n 's/^0:://p' /proc/self/cgroup)
	[ -n "$mount" ] && [ -n "$old" ] && mkdir -p "$mount$old/$SUITE/tests" 2>/dev/null || return 0
	if echo $$ >"$mount$old/$SUITE/tests/cgroup.procs"; then
		SUITE_CGROUP=$mount$old/$SUITE
	else
		rmdir "$mount$old/$SUITE/tests" "$mount$old/$SUITE"
	fi
}

leave_cgroup()
{
	[ -n "$SUITE_CGROUP" ] || return 0
	echo $$ >"${SUITE_CGROUP%/*}/cgroup.procs"
	within 10 rmdir "$SUITE_CGROUP/tests" "$SUITE_CGROUP" || {
		find "$SUITE_CGROUP" -name cgroup.procs -exec grep -H . {} +
		return 1
	}
}

# A bundle to be copied: busybox, and the runtime's own config.json without terminal.
make_base()
{
	MOAT=/nonexistent "$TOP/guest/mkbundle.sh" "$BASE" true || return 1
	echo "the file of the container" >"$BASE/rootfs/etc/container"
	rm "$BASE/config.json"
	"$BIN" spec --bundle "$BASE" || return 1
	jq '.process.terminal = false | .process.args = ["true"]' "$BASE/config.json" >"$BASE/new" &&
		mv "$BASE/new" "$BASE/config.json"
}

# One template for all tests. Only this machine type has any.
make_templates()
{
	[ "$RUNTIME" = moat ] && [ "${MOAT_TEST_MACHINE:-q35}" = q35 ] || return 0
	"$BIN" --config "$CONFIG" --root "$BATS_SUITE_TMPDIR/templates" template create || return 1
	TEMPLATES=$BATS_SUITE_TMPDIR/templates/@templates
}

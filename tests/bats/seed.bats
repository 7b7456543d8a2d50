#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The config.json of seed 002, as it was published but for root.path, and for its device until devices are attached

load helpers

@test "seed: the published config.json" {
	local text published
	text=$TOP/tests/data/seed002.json
	for published in "$TOP"/../shared/seeds/002_*.txt; do
		[ -e "$published" ] || continue
		# It is the last thing in the article.
		awk '/^\{$/ { text = ""; on = 1 } on { text = text $0 "\n" } END { printf "%s", text }' "$published" >"$T/published.json"
		text=$T/published.json
		cmp "$text" "$TOP/tests/data/seed002.json"
	done
	jq --arg root "$B/rootfs" '.root.path = $root | del(.linux.devices)' "$text" >"$B/config.json"

	ok run --detach --bundle "$B" "$CT"
	is "$output" ""
	ok exec "$CT" hostname
	is "$output" spdk-test
	ok exec "$CT" sh -c 'tr "\0" " " </proc/1/cmdline'
	is "$output" "/bin/tail -f /dev/null "
	ok exec "$CT" dd if=/dev/zero of=/tmp/ddtest bs=4k count=20
	has "$stderr" "20+0 records out"
	is "$(stat -c %s "$B/rootfs/tmp/ddtest")" 81920
	# linux.cgroupsPath is relative to the caller's own.
	grep -q '/kata/spdktest$' "/proc/$(pid_of)/cgroup"
	ok kill "$CT" KILL
	within 60 has_status stopped
	ok delete "$CT"
	is "$(find /sys/fs/cgroup -type d -path '*/kata/spdktest')" ""
	if [ "$RUNTIME" = moat ]; then
		is "$(find /sys/fs/cgroup -type d -name kata)" ""
	else
		find /sys/fs/cgroup -type d -name kata -exec rmdir {} +
	fi
}

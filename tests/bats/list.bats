#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0

load helpers

@test "list: nothing" {
	ok list
	is "$output" "ID          PID         STATUS      BUNDLE      CREATED     OWNER"
	ok list -q
	is "$output" ""
	ok list -f json
	is "$output" null
	mkdir -p "$ROOT"
	ok list --format=json
	is "$output" null
	ko 1 list --format yaml
	message "invalid format option"
}

@test "list: table, json and ids of some containers" {
	script 'exit 3'
	ko 3 run --keep --bundle "$B" "$CT-a"
	args sleep 1000
	ok create --bundle "$B" "$CT-c"
	make_bundle "$T/a/longer/path/of/a/bundle"
	args sleep 1000
	edit '.annotations = {"key": "value"}'
	ok run --detach --bundle "$B" "$CT-b"

	ok list -q
	is "$output" "$CT-a
$CT-b
$CT-c"
	ok list --format json
	is "$(jq -c 'map([.id, .status, .bundle, .rootfs, .owner, .annotations])' <<<"$output")" \
		"[[\"$CT-a\",\"stopped\",\"$T/bundle\",\"$T/bundle/rootfs\",\"root\",null],[\"$CT-b\",\"running\",\"$B\",\"$B/rootfs\",\"root\",{\"key\":\"value\"}],[\"$CT-c\",\"created\",\"$T/bundle\",\"$T/bundle/rootfs\",\"root\",null]]"
	is "$(jq -c 'map(.pid)' <<<"$output")" "[0,$(pid_of "$CT-b"),$(pid_of "$CT-c")]"
	local json=$output
	ok list
	# Columns as wide as the widest cell and three spaces, twelve at least
	is "$output" "$(jq -r '(["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"], (.[] | [.id, (.pid | tostring), .status, .bundle, .created, .owner])) | @tsv' <<<"$json" |
		awk -F'\t' '{ for (i = 1; i < 6; i++) { cell[NR, i] = $i; if (length($i) + 3 > width[i]) width[i] = length($i) + 3 } last[NR] = $6 }
			END { for (n = 1; n <= NR; n++) { for (i = 1; i < 6; i++) printf "%-*s", width[i] < 12 ? 12 : width[i], cell[n, i]; print last[n] } }')"
}

# bats test_tags=moat
@test "list: one that is damaged does not hide the others" {
	args sleep 1000
	ok create --bundle "$B" "$CT"
	mkdir "$ROOT/half-made" "$ROOT/damaged" "$ROOT/not an id"
	echo '{"version": ' >"$ROOT/damaged/state.json"
	touch "$ROOT/file"
	ok list -q
	is "$output" "$CT"
	has "$stderr" level=warning damaged
	ok list
	has "$output" "$CT "
	rmdir "$ROOT/not an id"
	rm "$ROOT/file"
}

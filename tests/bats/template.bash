# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the tests of templates have in common, setup() and teardown() among it. "load helpers" comes first.


setup()
{
	SUITE_TEMPLATES=$TEMPLATES TEMPLATES=''
	begin
	[ "${MOAT_TEST_MACHINE:-q35}" = q35 ] || skip "only q35 has templates"
	make_bundle
	args sleep 1000
}

# Nobody may be at it any more, and what is left after `remove` is a failure.
teardown()
{
	local bad=0
	exec 9<&-
	within 60 not being_made || bad=1
	umount "$ROOT/@templates" 2>/dev/null || true
	"$BIN" --root "$ROOT" template remove 3>&- || bad=1
	delete_all "$ROOT" || bad=1
	umount "$ROOT" 2>/dev/null || true
	finish || bad=1
	return $bad
}

# with LINE...: a configuration file with more in [hypervisor.qemu], and templates
with()
{
	cp "$CONFIG" "$T/configuration.toml"
	printf '%s\n' "$@" >>"$T/configuration.toml"
	OPTIONS=(--config "$T/configuration.toml")
}

# own_template: a copy of the suite's, to be damaged; sets DIR, KEY
own_template()
{
	make_root
	rm -rf "$ROOT/@templates"
	cp -a --sparse=always "$SUITE_TEMPLATES" "$ROOT/@templates"
	DIR=$(echo "$ROOT"/@templates/*)
	KEY=${DIR##*/}
}

make_root()
{
	mkdir -p "$ROOT"
	chmod 700 "$ROOT"
}

# states: of all templates, sorted by key
states()
{
	"$BIN" "${OPTIONS[@]}" --root "$ROOT" template status -f json 3>&- | jq -r 'map(.state) | join(" ")'
}

# current: the state of the one that the configuration uses
current()
{
	"$BIN" "${OPTIONS[@]}" --root "$ROOT" template status -f json 3>&- | jq -r 'map(select(.current).state) | join(" ")'
}

being_made()
{
	has "$(states)" making
}

states_are()
{
	is "$(states)" "$1"
}

from_template()
{
	grep -q "memory of the template copied" "$ROOT/${1:-$CT}/monitor.log"
}

booted()
{
	grep -q "agent answers" "$ROOT/${1:-$CT}/monitor.log" && not from_template "$@"
}

# one_warning PART...: nothing else is on standard error
one_warning()
{
	is "$(wc -l <<<"$stderr")" 1
	has "$stderr" level=warning "$@"
}

# nobody_makes: takes the place of a maker, so that `create` starts none; until nobody_made
nobody_makes()
{
	mkdir -m 700 "$ROOT/@templates/$KEY.new"
	exec 9<"$ROOT/@templates/$KEY.new"
	flock 9
}

nobody_made()
{
	exec 9<&-
	rmdir "$ROOT/@templates/$KEY.new"
}

# claimed [FILE]: a maker is at it, and FILE in its directory is not empty
claimed()
{
	local dir
	dir=$(echo "$ROOT"/@templates/*.new)
	[ -d "$dir" ] && { [ $# = 0 ] || [ -s "$dir/$1" ]; }
}

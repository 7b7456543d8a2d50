#!/usr/bin/env bats
bats_require_minimum_version 1.5.0
# SPDX-License-Identifier: Apache-2.0

# Manual pages and shell completion, as the build makes them: complete, well-formed, and about this program.

setup_file()
{
	export TOP B MAN
	TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	B=${BUILD:-build}/${VARIANT:-release}
	[[ $B == /* ]] || B=$TOP/$B
	MAN=$B/man
	if [ ! -x "$B/moat" ] || [ ! -f "$MAN/moat.8" ]; then
		echo "$B/moat or $MAN/moat.8 is missing: run make first" >&2
		return 1
	fi
}

# The commands that `moat help` shows, one a line
commands()
{
	"$B/moat" help | sed -n '/^COMMANDS:$/,/^$/s/^   \([a-z]*\) .*/\1/p'
}

# help_options [COMMAND]: what its --help shows, with dashes, one a line
help_options()
{
	"$B/moat" "$@" --help | sed -n '/OPTIONS:$/,$p' | sed -n 's/^   \(--[a-z0-9-]*\)\( [^ ,]*\)\{0,1\},\{0,1\}\( -[a-zA-Z]\)\{0,1\}  .*/\1\3/p' |
		tr ' ' '\n'
}

# page FILE: its text, as wide as it likes
page()
{
	MANWIDTH=1000 LC_ALL=C.UTF-8 man -E ascii -l "$1" | col -bx
}

@test "man: every command of moat help has a page, and every page is of a command" {
	[ "$(commands | wc -l)" -ge 11 ]
	diff <(commands | sed 's/.*/moat-&.8/' | sort) <(cd "$MAN" && printf '%s\n' moat-*.8 | sort)
	[ -s "$MAN/moat.8" ]
	[ -s "$MAN/moat-configuration.toml.5" ]
	[ -s "$MAN/moat.3" ]
}

@test "man: no placeholder is left, and the version is the program's" {
	local version

	run ! grep -n '@[A-Z]*@' "$MAN"/*.[358]
	version=$("$B/moat" --version | sed -n '1s/.* //p')
	for f in "$MAN"/*.[358]; do
		grep -q "^\.TH .* \"moat $version\"" "$f" || { echo "$f: not of version $version" && return 1; }
	done
}

@test "man: pages render without warnings of mandoc" {
	command -v mandoc >/dev/null || skip "mandoc is not installed"
	run mandoc -T lint -W warning "$MAN"/*.[358]
	echo "$output"
	[ "$status" = 0 ]
	[ -z "$output" ]
}

@test "man: pages render without warnings of man" {
	for f in "$MAN"/*.[358]; do
		run bash -c 'LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -E UTF-8 -l "$1" 2>&1 >/dev/null' - "$f"
		[ "$status" = 0 ] && [ -z "$output" ] || { echo "$f: $output" && return 1; }
	done
}

@test "man: a page has its name and the usual sections" {
	for c in $(commands); do
		f=$MAN/moat-$c.8
		grep -q "^moat-$c \\\\- ." "$f" || { echo "$f: NAME" && return 1; }
		for s in NAME SYNOPSIS OPTIONS DESCRIPTION "EXIT STATUS" EXAMPLES "SEE ALSO"; do
			[ "$(grep -c "^\.SH $s\$" "$f")" = 1 ] || { echo "$f: $s" && return 1; }
		done
	done
}

@test "man: every option of a command's --help is in its page" {
	for c in $(commands); do
		text=$(page "$MAN/moat-$c.8")
		options=$(help_options "$c")
		# A parser that finds nothing would find everything in the page.
		[ "$(wc -w <<<"$options")" -ge "$("$B/moat" "$c" --help | grep -c '^   -')" ]
		for o in $options; do
			grep -qE -- "(^|[ ,])$o([ ,]|\$)" <<<"$text" || { echo "moat-$c.8: $o is missing" && return 1; }
		done
	done
	[ "$(help_options exec | tr '\n' ' ' | grep -o -- '--tty -t ')" = "--tty -t " ]
}

@test "man: moat.8 has every global option, every command and a way to every page" {
	text=$(page "$MAN/moat.8")
	[ "$(help_options | wc -l)" -ge 9 ]
	for o in $(help_options); do
		grep -qE -- "(^|[ ,])$o([ ,]|\$)" <<<"$text" || { echo "$o is missing" && return 1; }
	done
	for c in $(commands); do
		grep -q "^ *$c\( \|\$\)" <<<"$text" || { echo "$c is missing" && return 1; }
		grep -qF "moat-$c(8)" <<<"$text" || { echo "moat-$c(8) is missing" && return 1; }
	done
}

@test "man: what SEE ALSO names of ours exists" {
	for f in "$MAN"/*.[358]; do
		while read -r ref; do
			[ -f "$MAN/$ref" ] || { echo "$f: no page $ref" && return 1; }
		done < <(sed -n 's/^\.BR \(moat[a-z.-]*\) (\([358]\)).*/\1.\2/p' "$f")
	done
}

@test "man: every key of the sample configuration is in moat-configuration.toml.5" {
	text=$(page "$MAN/moat-configuration.toml.5")
	keys=$(sed -n 's/^#\([a-z_]*\) = .*/\1/p' "$B/configuration.toml.sample")
	[ "$(wc -w <<<"$keys")" -ge 20 ]
	for k in $keys; do
		grep -q "^ *$k (" <<<"$text" || { echo "$k is missing" && return 1; }
	done
	cmp "$B/configuration.toml.sample" <("$B/moat" doc config-sample)
}

@test "expand.sh: an unknown command, a missing page or program is an error" {
	dir=$BATS_TEST_TMPDIR
	echo @SYNOPSIS@ >"$dir/moat-nonsense.8.in"
	run "$TOP/man/expand.sh" "$B/moat" "$dir/moat-nonsense.8.in"
	[ "$status" = 1 ]
	[[ $output == *"nonsense"* ]]
	run "$TOP/man/expand.sh" "$B/moat" "$dir/none.8.in"
	[ "$status" = 1 ]
	run "$TOP/man/expand.sh" "$dir/none" "$TOP/man/moat.8.in"
	[ "$status" = 1 ]
	[[ $output == *"cannot execute $dir/none" ]]
}

# complete_words WORD...: what bash offers for the last word
complete_words()
{
	bash -c '
		moat() { [ "$*" = "list -q" ] && printf "%s\n" web db; }
		source "$1"
		shift
		complete -p moat | grep -q " -F _moat moat$" || exit 9
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
		_moat
		printf "%s\n" "${COMPREPLY[@]}"' - "$B/moat.bash" "$@"
}

@test "completion: loads in bash and completes commands" {
	bash -n "$B/moat.bash"
	cmp "$B/moat.bash" <("$B/moat" completion bash)
	[ "$(complete_words moat cr)" = create ]
	[ "$(complete_words moat --log-f)" = --log-format ]
	diff <(complete_words moat '' | grep -v '^-' | sort) <(commands | sort)
}

@test "completion: offers the options of every command, and nobody else's" {
	for c in $(commands); do
		diff <(complete_words moat "$c" -- | sort) <(help_options "$c" | grep '^--' | sort)
	done
	[ "$(complete_words moat --debug exec --det)" = --detach ]
}

@test "completion: offers ids where a container is meant" {
	[ "$(complete_words moat state w)" = web ]
	[ "$(complete_words moat delete --force d)" = db ]
	run ! grep -qx web <(complete_words moat create w)
}

@test "completion: offers files where nothing else fits" {
	cd "$BATS_TEST_TMPDIR"
	touch bundle.txt
	[ "$(complete_words moat create bun)" = bundle.txt ]
}

@test "completion: another shell is an error" {
	run "$B/moat" completion zsh
	[ "$status" = 1 ]
	[[ $output == *"'zsh' is not known"* ]]
}

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# expand.sh MOAT PAGE.in: prints a manual page, its placeholders replaced by what the program MOAT says
#
#	@SYNOPSIS@  on a line of its own: SYNOPSIS and OPTIONS of the command in the file's name (moat-VERB.8.in)
#	@GLOBAL@    on a line of its own: the global options
#	@COMMANDS@  on a line of its own: the commands
#	@KEYS@      on a line of its own: the keys of the configuration file
#	@PROTOTYPES@ on a line of its own: the functions of libruntime/moat.h
#	@VERSION@   anywhere: the version
set -euo pipefail
export LC_ALL=C

die()
{
	echo "expand.sh: $*" >&2
	exit 1
}

(($# == 2)) || die "usage: expand.sh MOAT PAGE.in"
moat=$1
page=$2
[ -x "$moat" ] || die "cannot execute $moat"
[ -r "$page" ] || die "cannot read $page"

# generated WHAT...: from the program, without blanks at the ends of lines
generated()
{
	"$moat" doc "$@" | sed 's/[[:blank:]]*$//' || die "$page: '$moat doc $*' failed"
}

# Every command has --help; it is in no option table.
help_option()
{
	# shellcheck disable=SC2016 # roff
	printf '.TP\n\\fB\\-\\-help\\fR, \\fB\\-h\\fR\nshow the help of %s.\n' "$1"
}

# One a line, without comments; what roff would take for something else is escaped.
prototypes()
{
	tr '\n\t' '\001 ' <"${BASH_SOURCE[0]%/*}/../libruntime/moat.h" | sed 's|/\*[^*]*\*\+\([^/*][^*]*\*\+\)*/||g' | tr '\001' '\n' |
		sed '/^#/d' | tr -s '\n ' '  ' | sed 's/[;{}]/;\n/g' | grep -o '[a-z][a-z_0-9 *]*\<moat_[a-z_]* *(.*;$' |
		sed '/^typedef/d; s/^ *//; s/\* moat_/*moat_/'
}

version=$("$moat" --version | sed -n '1s/.* //p')
[ -n "$version" ] || die "'$moat --version' says no version"
verb=${page##*/moat-}
verb=${verb%.8.in}

while IFS= read -r line; do
	case $line in
	@SYNOPSIS@)
		generated man "$verb"
		help_option "the command"
		;;
	@GLOBAL@)
		generated man global
		help_option "the program"
		;;
	@COMMANDS@) generated man commands ;;
	@PROTOTYPES@) prototypes ;;
	@KEYS@) generated config-keys ;;
	*) printf '%s\n' "${line//@VERSION@/$version}" ;;
	esac
done <"$page"

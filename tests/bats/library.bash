# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# libmoat, installed, for programs that the tests build. "load helpers" and "load netns" come first.

setup_file()
{
	export DEST PREFIX=/opt/moat PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR LIB
	DEST=$BATS_FILE_TMPDIR/dest
	mkdir "$DEST"
	env GUEST="$BUILD/guest" BUILD="$BUILD/release" DESTDIR="$DEST" "$TOP/contrib/install.sh" install >/dev/null
	PKG_CONFIG_SYSROOT_DIR=$DEST
	PKG_CONFIG_PATH=$DEST$PREFIX/lib/pkgconfig
	LIB=$DEST$PREFIX/lib
}

setup()
{
	begin
	make_bundle
	# The installed guest is another file than the suite's template was made from.
	settings
	EXAMPLE=$T/example
	ROOTFS=$B/rootfs
	rm "$B/config.json"
}

teardown()
{
	finish_netns
}

# example ARG...: what was built, on the tests' configuration and state
example()
{
	LD_LIBRARY_PATH=$LIB try "$EXAMPLE" "${OPTIONS[@]/--config/-c}" -r "$ROOT" "$@"
}

# cc_example NAME [FLAG...]: builds contrib/examples/NAME.c as its first lines say
cc_example()
{
	local name=$1
	shift
	# shellcheck disable=SC2046 # flags
	gcc -std=c99 -D_GNU_SOURCE -Wall -Wextra -Wwrite-strings -pedantic -Werror -o "$EXAMPLE" \
		"$TOP/contrib/examples/$name.c" $(pkg-config --cflags moat) "$@"
}

stopped()
{
	[ "$(cli state "$CT" | jq -r .status)" = stopped ]
}

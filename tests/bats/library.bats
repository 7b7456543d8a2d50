#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# libmoat as a program gets it: installed, found with pkg-config, and used by the examples.
# bats file_tags=moat

load helpers
load netns
load library

# The functions that the header declares
declared()
{
	gcc -fpreprocessed -dD -E -P "$TOP/libruntime/moat.h" | tr '\n' ' ' | grep -o '\<moat_[a-z_]*(' | tr -d '(' | sort -u
}

@test "library: what is exported is what the header declares, from both libraries" {
	[ "$(declared | wc -l)" -ge 90 ]
	diff <(declared) <(nm -D --defined-only "$LIB/libmoat.so" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort)
	diff <(declared) <(nm --defined-only --extern-only "$LIB/libmoat.a" | awk 'NF == 3 { print $3 }' | sort)
	# Each in the first version, and the version in the name that programs ask for.
	[[ $(nm -D --defined-only --with-symbol-versions "$LIB/libmoat.so" | grep -v 'MOAT_0') == "" ]]
	readelf -d "$LIB/libmoat.so" | grep -q 'SONAME.*\[libmoat.so.0\]'
	# No text relocation, no executable stack.
	[[ $(readelf -d "$LIB/libmoat.so") != *TEXTREL* ]]
	readelf -lW "$LIB/libmoat.so" | grep -q 'GNU_STACK.* RW '
}

@test "library: the header is C99 and C++ alone, and every function of it is in the manual" {
	echo '#include <moat.h>' >"$T/h.c"
	# shellcheck disable=SC2046
	gcc -std=c99 -pedantic -Wall -Wextra -Wstrict-prototypes -Werror -fsyntax-only $(pkg-config --cflags moat) "$T/h.c"
	# shellcheck disable=SC2046
	clang++ -x c++ -std=c++11 -Wall -Wextra -Werror -fsyntax-only $(pkg-config --cflags moat) "$T/h.c"
	declared | while read -r name; do
		grep -q "\\b$name\\b" "$BUILD/release/man/moat.3" || { echo "$name is not in moat(3)"; return 1; }
	done
}

@test "library: a program of less than 100 lines runs a container from a root file system" {
	[ "$(wc -l <"$TOP/contrib/examples/run.c")" -lt 100 ]
	# shellcheck disable=SC2046
	cc_example run $(pkg-config --libs moat)
	LD_LIBRARY_PATH=$LIB ldd "$EXAMPLE" | grep -q "libmoat.so.0 => $LIB"
	# shellcheck disable=SC2016 # the container's
	example "$CT" "$ROOTFS" sh -c 'cat; echo "$GREETING"; hostname; cat /sys/fs/cgroup/memory.max; exit 7' <<<"from outside"
	is "$status" 7
	is "$(tr '\n' ' ' <<<"$output")" "from outside hello $CT 67108864 "
	is "$stderr" ""
	# Nothing of it is left, and what is wrong is said in one line.
	is "$(entries "$ROOT")" ""
	example "$CT" "$ROOTFS" /bin/not-there
	is "$status" 1
	[[ $stderr == "run: "*"/bin/not-there"*"no such file or directory" ]]
	example "$CT" "$ROOTFS/nowhere" sh
	is "$status" 1
	[[ $stderr == "run: "*"$ROOTFS/nowhere"* ]]
	is "$(entries "$ROOT")" ""
}

@test "library: a sandbox with two containers that share a pid namespace" {
	# shellcheck disable=SC2046
	cc_example sandbox $(pkg-config --libs moat)
	example "$ROOTFS"
	is "$status" 0
	is "$(tr '\n' ' ' <<<"$output")" "2 example running one running two running exit code 7 "
	is "$(entries "$ROOT")" ""
}

@test "library: linked statically it is told where the programs are" {
	sed 's|struct moat \*m = moat_new();|&\n\tmoat_set_program(PROGRAM, NULL);|' "$TOP/contrib/examples/run.c" >"$T/static.c"
	# shellcheck disable=SC2046
	gcc -D_GNU_SOURCE -DPROGRAM="\"$DEST$PREFIX/bin/moat\"" -Werror=implicit-function-declaration -o "$EXAMPLE" "$T/static.c" \
		$(pkg-config --cflags moat) "$LIB/libmoat.a" $(sed -n 's/^Libs.private: //p' "$LIB/pkgconfig/moat.pc")
	[[ $(ldd "$EXAMPLE") != *libmoat* ]]
	example "$CT" "$ROOTFS" sh -c 'exit 9'
	is "$status" 9
}

@test "library: an interface that comes while the container runs is plugged in" {
	cat >"$T/rescan.c" <<-'EOF'
		#include <moat.h>
		#include <stdio.h>

		int main(int argc, char **argv)
		{
			struct moat_error err = { 0 };
			struct moat *m = moat_new();
			struct moat_status *s;

			(void)argc;
			moat_set_configuration(m, argv[2]);
			moat_set_root(m, argv[4]);
			if (moat_container_rescan_network(m, argv[5], &err) < 0 || moat_container_status(m, argv[5], &s, &err) < 0) {
				fprintf(stderr, "%s\n", err.msg);
				return 1;
			}
			for (const char *const *i = s->interfaces; *i; i++)
				puts(*i);
			moat_status_free(s);
			moat_free(m);
			return 0;
		}
	EOF
	# shellcheck disable=SC2046
	gcc -Wall -Wextra -Werror -o "$EXAMPLE" "$T/rescan.c" $(pkg-config --cflags --libs moat)
	HOST=ml$BATS_TEST_NUMBER
	cp "$BASE/config.json" "$B/config.json"
	make_netns
	veth 1
	script 'sleep 1000'
	ok run --detach --bundle "$B" "$CT"
	example "$CT"
	is "$output" "eth0"
	veth 2
	example "$CT"
	is "$status" 0
	is "$(tr '\n' ' ' <<<"$output")" "eth0 eth1 "
	ok exec "$CT" ip -o -4 addr show eth1
	[[ $output == *"10.99.2.2/24"* ]]
	ok kill "$CT" KILL
	within 20 stopped
	example "$CT"
	is "$status" 1
	[[ $stderr == *"is not running"* ]]
}

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# layers.sh 'folder: folders, or single headers, that it may include'...: checks the #include lines.
# The table is the LAYER_ and INCLUDES_ variables of the Makefile. A folder may include itself.
set -u

bad=0
known=
for rule in "$@"; do
	known="$known ${rule%%:*}"
done

# Prints "file:line: folder" for every include of another folder's header.
includes() {
	find "$1" -name '*.[ch]' -exec grep -HnoE '^#[[:space:]]*include[[:space:]]+"[^"]+"' {} + |
		sed -E 's/:#[[:space:]]*include[[:space:]]+"([^"]+)"/: \1/'
}

for rule in "$@"; do
	folder=${rule%%:*}
	allowed=" $folder ${rule#*:} "
	[ -d "$folder" ] || continue
	found=$(includes "$folder" | while read -r where header; do
		case $header in
		version.h) continue ;; # generated
		*/*) target=${header%%/*} ;;
		*)
			echo "$where \"$header\": write it with its folder"
			continue
			;;
		esac
		case $allowed in
		*" $target "* | *" $header "*) ;;
		*" $target/"*) echo "$where $folder/ may not include $header" ;;
		*)
			case " $known " in
			*" $target "*) echo "$where $folder/ may not include $target/" ;;
			*) echo "$where \"$header\": no such folder" ;;
			esac
			;;
		esac
	done)
	if [ -n "$found" ]; then
		echo "$found"
		bad=1
	fi
done
exit $bad

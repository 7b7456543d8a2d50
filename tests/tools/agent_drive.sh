#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# agent_drive.sh BUILD_DIR: builds the test driver of moat-agent into BUILD_DIR/tests/tools/agent_drive
set -eu
b=$1
cd "$(dirname -- "$0")/../.."
mkdir -p "$b/tests/tools"
gcc -std=gnu11 -D_GNU_SOURCE -O1 -g -Wall -Wextra -Wno-unused-parameter -I. -o "$b/tests/tools/agent_drive" \
	tests/tools/agent_drive.c tests/tools/agent_client.c tests/tools/agent_checks.c \
	-Wl,--start-group "$b/wire/libwire.a" "$b/base/libbase.a" -Wl,--end-group -ljansson -lyajl

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The QMP commands that write a VM's device state to a file, and that start a VM from it. The
 * guest's memory stays out of it (capability x-ignore-shared): it is a file that our caller copies.
 * Source: docs/devel/migration.rst and qapi/migration.json of QEMU 7.2.
 */
#include "hypervisor/qemu.h"

#define CALL_MS 10000
/* 10 ms on an idle machine. */
#define MOVE_MS 30000

/* "events": QEMU reports the end by MIGRATION. */
static json_t *capabilities(const struct device *dev)
{
	return json_pack("{s:[{s:s, s:b}, {s:s, s:b}]}", "capabilities", "capability",
			 "x-ignore-shared", "state", 1, "capability", "events", "state", 1);
}

static json_t *name(const struct device *dev)
{
	return json_pack("{s:s}", "fdname", "state");
}

static json_t *uri(const struct device *dev)
{
	return json_pack("{s:s}", "uri", "fd:state");
}

#define COMMON                                                                                  \
	{ .command = "migrate-set-capabilities", .timeout_ms = CALL_MS, .args = capabilities }, \
	{                                                                                       \
		.command = "getfd", .timeout_ms = CALL_MS, .args = name, .op_fd = true,         \
		.undo = "closefd", .undo_args = name                                            \
	}
#define MOVE(cmd)                                                                             \
	{                                                                                     \
		.command = (cmd), .timeout_ms = CALL_MS, .args = uri, .until = QEMU_MIGRATED, \
		.until_ms = MOVE_MS                                                           \
	}

/* Paused first, so that the console and the agent's channel are at rest and the memory no longer changes. */
const struct qemu_step qemu_save_steps[] = {
	{ .command = "stop", .timeout_ms = CALL_MS },
	COMMON,
	MOVE("migrate"),
	{ 0 },
};

const struct qemu_step qemu_restore_steps[] = { COMMON, MOVE("migrate-incoming"), { 0 } };

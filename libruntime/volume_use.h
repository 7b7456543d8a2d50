/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who uses a direct volume: a file named after the container beside mountInfo.json, as Kata has it, that says more. It is written before
 * the device is opened and is believed as long as the container's virtual machine, or the command that makes it, lives:
 * what a crash leaves behind blocks nobody. The directory of the volume is locked meanwhile.
 */
#ifndef MOAT_LIBRUNTIME_VOLUME_USE_H
#define MOAT_LIBRUNTIME_VOLUME_USE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "devices/volume.h"

struct volume_use {
	char *id, *root; /* the container and the state directory that it is in */
	uint32_t device; /* which device of the VM, if that was set up with it */
	char *name; /* the monitor's name for the device, if it was plugged in; else NULL */
	uint32_t index; /* of config.mounts, or beyond it if it came while the container ran */
	bool readonly;
};

/* Locks the volume's directory until it is closed. */
int volume_use_lock(int dir, struct err *err);
/* Those that live, the records of others are removed. The directory is locked. */
int volume_use_list(int dir, struct volume_use **ret, size_t *ret_n, struct err *err);
void volume_use_list_free(struct volume_use *v, size_t n);
/* -EBUSY names who uses it already, if one of the two writes. */
int volume_use_add(int dir, const struct volume_use *use, struct err *err);
/* volume_use_add() to the volume of that path, which is still as info has it. all: the directory of all volumes. */
int volume_use_claim(int all, const char *path, const struct volume_info *info,
		     const struct volume_use *use, struct err *err);
/* The container's records in the given directories; what is not there is fine. */
void volume_use_drop(char *const *dirs, const char *id, const char *root);

#endif

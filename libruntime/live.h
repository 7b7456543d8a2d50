/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes into a container that runs, and leaves it: devices (device_live.c), volumes (volume_live.c). The record names each before it is
 * touched, ready says that it is whole, and the monitor knows its hardware by a tag of ours: whatever a killed command has left is
 * found by that and taken out by the next one, or goes with the container.
 */
#ifndef MOAT_LIBRUNTIME_LIVE_H
#define MOAT_LIBRUNTIME_LIVE_H

#include "libruntime/container.h"

/* A thing on its way out. */
struct live_exit {
	const char *method; /* of the monitor: what is done in the guest first */
	json_t *params; /* of that; taken. NULL: no memory */
	int timeout_ms;
	const char *tag; /* of its hardware */
};

/* Locked, and running; *ret is for container_close(), also after a failure. */
int live_open(const struct rt *rt, const char *id, struct container *ret, struct err *err);
/* What config.json had at create in section.list, or in list if section is NULL: an array, owned by the caller. */
int live_given(int dir, const char *section, const char *list, json_t **ret, struct err *err);
/* Out of the guest, and out of the virtual machine. What is not there is fine. */
int live_take_out(struct container *c, struct live_exit e, struct err *err);
/* The same for one that is whole by the record, *ready of c->state. -EBUSY: it still is, and nothing was touched. */
int live_remove(struct container *c, bool *ready, struct live_exit e, struct err *err);
/* It is whole from now on. */
int live_ready(struct container *c, bool *ready, struct err *err);
/*
 * What others have left halfway, of n in a record: gone() takes out the ith and forgets it, if it is not ready. What does not come out stays in the
 * record, and goes with the container.
 */
void live_settle(struct container *c, size_t n, bool (*gone)(struct container *c, size_t i));
/* Closes the gap in an array whose ith element's contents are gone. */
void live_forget(void *array, size_t *n, size_t size, size_t i);

#endif

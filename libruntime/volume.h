/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of `moat volume`: direct volumes as devices/volume.h has them. */
#ifndef MOAT_LIBRUNTIME_VOLUME_H
#define MOAT_LIBRUNTIME_VOLUME_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"
#include "libruntime/runtime.h"

/* text: mountInfo.json, either spelling. One that is registered is replaced, unless it is in use. */
int rt_volume_add(const struct rt *rt, const char *path, const char *text, struct err *err);
/* Refused while a container uses it. */
int rt_volume_remove(const struct rt *rt, const char *path, struct err *err);
/* [{"path", "name" (of its directory), "info", "error" instead if that cannot be read, "users": [{"id", "root", "readonly"}]}] */
int rt_volume_list(const struct rt *rt, json_t **ret, struct err *err);
/*
 * As Kata's agent tells it: {"usage": [{"available", "total", "used", "unit": "BYTES"}, the same for "INODES"],
 * "volume_condition": {"abnormal", "message"}}. It must be in use: the guest is asked.
 */
int rt_volume_stats(const struct rt *rt, const char *path, json_t **ret, struct err *err);
/* Of a container that runs: see moat_container_add_volume() and the functions after it. */
int rt_volume_attach(const struct rt *rt, const char *id, const char *source,
		     const char *destination, const char *options, struct err *err);
int rt_volume_detach(const struct rt *rt, const char *id, const char *destination, bool force,
		     struct err *err);
/* A fresh array. */
int rt_volume_attached(const struct rt *rt, const char *id, json_t **ret, struct err *err);
/*
 * Lets the volume of a running container grow to size bytes: an image file is made larger, a block device must be already; then the guest's
 * disk and file system follow.
 */
int rt_volume_resize(const struct rt *rt, const char *path, uint64_t size, struct err *err);

#endif

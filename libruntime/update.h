/* SPDX-License-Identifier: Apache-2.0 */
/* How an update and what was set before go together. All objects are linux.resources. */
#ifndef MOAT_LIBRUNTIME_UPDATE_H
#define MOAT_LIBRUNTIME_UPDATE_H

#include <jansson.h>

/* Lays what is given over what is stored; zeros and the like leave it. 0 or -ENOMEM. */
int update_merge(json_t *stored, const json_t *given);
/* Adds to what is given the stored values without which it means something else: the period of a quota, say. */
void update_complete(json_t *given, const json_t *stored);

#endif

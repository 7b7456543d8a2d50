/* SPDX-License-Identifier: Apache-2.0 */
/* Spares on disk: see spare.h. */
#ifndef MOAT_LIBRUNTIME_SPARE_STORE_H
#define MOAT_LIBRUNTIME_SPARE_STORE_H

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "libruntime/template_key.h"
#include "libruntime/vm_config.h"

#define SPARE_NEW ".new"
#define SPARE_KEY_SIZE TEMPLATE_KEY_SIZE

struct spare_record {
	char key[SPARE_KEY_SIZE];
	pid_t pid; /* of the monitor; 0: none */
	uint64_t start;
};

/* The whole description of the VM and its template: two spares with one key are interchangeable. */
int spare_key(const struct vm_config *vm, char ret[SPARE_KEY_SIZE], struct err *err);

/* -ENOENT without a message: no directory of spares (and not create). */
int spare_store_at(const char *factory, bool create, struct err *err);
/* Ready ones, with that key if it is not NULL. */
int spare_count(int store, const char *key);
/* Opens and locks one without waiting; -errno if somebody else has it or it is gone. */
int spare_lock(int store, const char *name);
int spare_record_load(int dirfd, struct spare_record *ret, struct err *err);
int spare_record_save(int dirfd, const struct spare_record *rec, struct err *err);
/* Kills its VM, if rec tells it, and removes its directory. */
void spare_end(int store, const char *name, const struct spare_record *rec);

#endif

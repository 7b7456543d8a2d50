/* SPDX-License-Identifier: Apache-2.0 */
/* From configuration and installation to the description of one VM. */
#ifndef MOAT_LIBRUNTIME_VM_CONFIG_H
#define MOAT_LIBRUNTIME_VM_CONFIG_H

#include "libruntime/runtime.h"
#include "wire/vm_setup.h"

struct vm_config {
	struct vm_setup setup; /* without uid */
	char *monitor, *standin; /* programs */
};

void vm_config_done(struct vm_config *v);
/*
 * Loads the configuration, chooses the accelerator, and checks that every program and
 * image is there: errors name the key and the file.
 */
int vm_config_load(const struct rt *rt, const char *id, struct vm_config *ret, struct err *err);

#endif

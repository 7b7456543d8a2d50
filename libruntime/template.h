/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Templates: a VM that was booted once and saved; sandboxes with the same description are started
 * from it instead of being booted. Made by the first `create` that misses one, in the background.
 */
#ifndef MOAT_LIBRUNTIME_TEMPLATE_H
#define MOAT_LIBRUNTIME_TEMPLATE_H

#include "libruntime/template_store.h"
#include "libruntime/vm_config.h"

/* ---- for create ---- */

struct template_use {
	int memory, devices; /* -EBADF: none */
	bool missing; /* there is none, but there should be: template_make_in_background() */
};

/*
 * Looks for the template of this VM and turns its description into one that is restored. Never fails: what
 * is wrong with a template is warned of, and the template removed.
 */
void template_use(struct vm_config *vm, struct template_use *ret);
void template_use_done(struct template_use *u);
/* A VM did not come up from the template: warns, removes it, and turns the description back. */
void template_reject(struct vm_config *vm, const struct err *why);
/* Starts `moat template create` and does not wait for it. Not after a failure less than ten minutes ago. */
void template_make_in_background(const struct rt *rt, const struct vm_config *vm);

/* ---- the command ---- */

/*
 * Makes the template for the present configuration; takes as long as a boot. vcpus: of the VMs that start from it; 0: default_vcpus.
 * -EEXIST: there is one; -EBUSY: somebody is at it.
 */
int rt_template_create(const struct rt *rt, uint32_t vcpus, struct err *err);

enum rt_template_state {
	RT_TEMPLATE_READY,
	RT_TEMPLATE_OUTDATED, /* one of the files it was made from has changed */
	RT_TEMPLATE_DAMAGED,
	RT_TEMPLATE_MAKING,
	RT_TEMPLATE_ABANDONED, /* its maker was killed */
	RT_TEMPLATE_FAILED,
};

struct rt_template {
	char key[TEMPLATE_KEY_SIZE];
	enum rt_template_state state;
	bool current; /* the one that the present configuration uses */
	struct template_meta meta; /* of ready and outdated ones */
	uint64_t bytes; /* on disk, or rather in memory */
	char why[256]; /* damaged, failed */
};

const char *rt_template_state_name(enum rt_template_state s);
/* Sorted by key; rt_template_list_free(). No templates are an empty list. */
int rt_template_list(const struct rt *rt, struct rt_template **ret, size_t *ret_n, struct err *err);
void rt_template_list_free(struct rt_template *list, size_t n);
/* Removes every template of this root, and what makers have left; sandboxes that run are not concerned. Returns how many. */
int rt_template_remove(const struct rt *rt, struct err *err);

#endif

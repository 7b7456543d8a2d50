/* SPDX-License-Identifier: Apache-2.0 */
/* Capability sets of a process: names to bits, and their application to the calling process. */
#ifndef MOAT_AGENT_CAPS_H
#define MOAT_AGENT_CAPS_H

#include <stdint.h>

#include "base/err.h"
#include "oci/config.h"

struct caps {
	uint64_t bounding, effective, inheritable, permitted, ambient;
};

/* The last capability of this kernel: asked once by prctl(2), never read from a file that somebody could shadow. */
int caps_last(void);
/* NULL: no capability at all. Names that the kernel does not know are warned about and skipped. */
void caps_parse(const struct oci_caps *oci, struct caps *ret);
/* Step 1, before the change of uid: the bounding set, and keep the permitted set over that change. */
int caps_apply_bounding(const struct caps *c, struct err *err);
/* Step 2, after it: the other four sets. */
int caps_apply(const struct caps *c, struct err *err);

#endif

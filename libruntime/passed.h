/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors beyond the standard ones that a caller hands to a container's process (--preserve-fds). They do not cross into a
 * virtual machine: the process gets a pipe, or a socket, whose contents go to and from the caller's descriptor as those of its
 * standard streams do. What is more than a stream of bytes is refused by name.
 */
#ifndef MOAT_LIBRUNTIME_PASSED_H
#define MOAT_LIBRUNTIME_PASSED_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "wire/frame.h"

#define PASSED_FIRST 3

struct passed {
	bool in, out; /* what they can be used for */
};

/* Looks at one descriptor, which is as a caller leaves it: not close-on-exec. */
int passed_look(int fd, struct passed *ret, struct err *err);
/* Looks at descriptors 3 to 3 + n - 1 of this process. */
int passed_check(unsigned int n, struct passed ret[WIRE_PASSED_MAX], struct err *err);
/* For stand-in and agent: [{"in", "out"}]. NULL on ENOMEM. */
json_t *passed_describe(const struct passed *v, size_t n);

#endif

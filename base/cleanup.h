/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scope-bound clean-up (GCC/Clang cleanup attribute) and ownership hand-over.
 *
 *	_free_ char *p = strdup(s);           freed when p leaves scope
 *	_close_ int fd = open(...);           closed when fd leaves scope, if >= 0
 *	*ret = take_ptr(p); *ret_fd = take_fd(fd);
 *
 * An unopened descriptor is -EBADF. Clean-up never changes errno.
 */
#ifndef MOAT_BASE_CLEANUP_H
#define MOAT_BASE_CLEANUP_H

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free(void *p)
{
	int saved = errno;

	free(*(void **)p);
	errno = saved;
}

static inline void cleanup_close(const int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

#define _cleanup_(fn) __attribute__((cleanup(fn)))
#define _free_ _cleanup_(cleanup_free)
#define _close_ _cleanup_(cleanup_close)

/* Give a pointer or descriptor to a new owner; the variable is emptied. */
#define take_ptr(p)                                 \
	({                                          \
		__auto_type _take_##__LINE__ = (p); \
		(p) = NULL;                         \
		_take_##__LINE__;                   \
	})

static inline int take_fd_(int *fd)
{
	int v = *fd;

	*fd = -EBADF;
	return v;
}
#define take_fd(fd) take_fd_(&(fd))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 4648's base64 with the alphabet for URLs and file names ('-' and '_'), padded. */
#ifndef MOAT_BASE_BASE64_H
#define MOAT_BASE_BASE64_H

#include <stddef.h>

/* NUL-terminated, owned by the caller; NULL on ENOMEM. */
char *base64url_encode(const void *data, size_t len);
/*
 * Strict: whole groups, padding at the end only, no bits set that the encoder would not set. *ret is NUL-terminated
 * beyond *ret_len and the caller's. 0, -EINVAL or -ENOMEM.
 */
int base64url_decode(const char *text, char **ret, size_t *ret_len);

#endif

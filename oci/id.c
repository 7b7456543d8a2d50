/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "oci/validate.h"

#define ID_MAX 1024

int oci_id_validate(const char *id, struct err *err)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.";
	size_t len;

	if (!id || !*id)
		return err_set(err, EINVAL, "container id cannot be empty");
	len = strnlen(id, ID_MAX + 1);
	if (len > ID_MAX || strspn(id, allowed) != len || !strcmp(id, ".") || !strcmp(id, ".."))
		return err_set(err, EINVAL, "invalid container ID format");
	return 0;
}

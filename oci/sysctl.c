/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/sysctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/str.h"

static bool plain_components(const char *path)
{
	for (;;) {
		size_t n = strcspn(path, "/");

		if (n == 0 || (n == 1 && path[0] == '.') ||
		    (n == 2 && path[0] == '.' && path[1] == '.'))
			return false;
		if (!path[n])
			return true;
		path += n + 1;
	}
}

int oci_sysctl_path(const char *key, char **ret)
{
	_free_ char *path = NULL;
	size_t first = strcspn(key, "./");

	for (const char *p = key; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return -EINVAL;
	if (strstr(key, ".."))
		return -EINVAL;
	path = strdup(key);
	if (!path)
		return -ENOMEM;
	if (key[first] == '.')
		for (char *p = path; *p; p++) {
			if (*p == '.')
				*p = '/';
			else if (*p == '/')
				*p = '.';
		}
	if (!plain_components(path))
		return -EINVAL;
	*ret = take_ptr(path);
	return 0;
}

bool oci_sysctl_is_ipc(const char *path)
{
	static const char *const names[] = {
		"kernel/msgmax", "kernel/msgmnb", "kernel/msgmni", "kernel/sem",
		"kernel/shmall", "kernel/shmmax", "kernel/shmmni", "kernel/shm_rmid_forced",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(path, names[i]))
			return true;
	return str_has_prefix(path, "fs/mqueue/");
}

/* runc's rules and words. */
static int check_key(const struct oci_config *c, const char *key, struct err *err)
{
	_free_ char *path = NULL;
	int r = oci_sysctl_path(key, &path);

	if (r == -ENOMEM)
		return err_set(err, ENOMEM, "out of memory");
	if (r < 0)
		return err_set(err, EINVAL,
			       "linux.sysctl: \"%s\" is not the name of a kernel parameter", key);
	if (oci_sysctl_is_ipc(path)) {
		if (oci_namespace_find(c, "ipc"))
			return 0;
		return err_set(
			err, EINVAL,
			"linux.sysctl: sysctl \"%s\" is not allowed in the hosts ipc namespace",
			key);
	}
	/* A network namespace is always there, see check_namespaces(). */
	if (str_has_prefix(path, "net/"))
		return 0;
	if (oci_namespace_find(c, "uts")) {
		if (!strcmp(path, "kernel/domainname"))
			return 0;
		if (!strcmp(path, "kernel/hostname"))
			return err_set(err, EINVAL,
				       "linux.sysctl: sysctl \"%s\" is not allowed as it conflicts "
				       "with the OCI \"hostname\" field",
				       key);
	}
	return err_set(err, EINVAL,
		       "linux.sysctl: sysctl \"%s\" is not in a separate kernel namespace", key);
}

int oci_sysctl_validate(const struct oci_config *c, struct err *err)
{
	const char *key;
	json_t *value;

	json_object_foreach(c->linux_->sysctl, key, value) {
		int r = check_key(c, key, err);

		if (r < 0)
			return r;
		for (const char *p = json_string_value(value); *p; p++)
			if (((unsigned char)*p < ' ' && *p != '\t') || *p == 0x7f)
				return err_set(err, EINVAL,
					       "linux.sysctl: the value of \"%s\" contains a "
					       "control character",
					       key);
	}
	return 0;
}

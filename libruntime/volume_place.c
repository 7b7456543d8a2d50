/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/volume_place.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "devices/volume.h"
#include "oci/mount_options.h"

int volume_place_check(const char *destination, struct err *err)
{
	_free_ char *clean = destination ? path_clean(destination) : NULL;

	if (!clean || destination[0] != '/' || !destination[1] || strcmp(clean, destination) != 0 ||
	    strlen(destination) >= PATH_MAX || !str_is_utf8(destination, strlen(destination)))
		return err_set(err, EINVAL, "destination '%s' is no absolute path for a volume",
			       destination ? destination : "");
	if (strcmp(destination, "/dev") == 0 || str_has_prefix(destination, "/dev/"))
		return err_set(
			err, ENOTSUP,
			"destination '%s': there are only devices below /dev, which moat_container_add_device() adds",
			destination);
	return 0;
}

#define OF_FILE_SYSTEMS (MS_SYNCHRONOUS | MS_DIRSYNC | MS_LAZYTIME | MS_MANDLOCK | MS_I_VERSION)

/* Options of a mount; those of a file system are mountInfo.json's. */
static int check_options(char *const *options, struct err *err)
{
	struct oci_mount_flags f = {};
	int r = oci_mount_flags_parse(options, &f, err);

	if (r < 0)
		return r;
	if (f.data)
		r = err_set(err, EINVAL, "options: \"%s\" is for file systems, see %s", f.data,
			    VOLUME_INFO_FILE);
	else if ((f.set | f.clear) & OF_FILE_SYSTEMS)
		r = err_set(err, EINVAL, "options: sync and its like are for file systems, see %s",
			    VOLUME_INFO_FILE);
	else if (f.set & MS_REMOUNT || f.tmpcopyup)
		r = err_set(err, EINVAL, "options: \"%s\" is not for volumes",
			    f.tmpcopyup ? "tmpcopyup" : "remount");
	oci_mount_flags_done(&f);
	return r;
}

int volume_place_options(const char *text, char ***ret, struct err *err)
{
	_free_ char *copy = strdup(text ? text : "");
	_strv_ char **v = strv_copy(NULL);
	int r;

	if (!copy || !v)
		return err_errno(err, ENOMEM, "options");
	for (char *save, *p = strtok_r(copy, ",", &save); p; p = strtok_r(NULL, ",", &save))
		if (strv_add(&v, p) < 0)
			return err_errno(err, ENOMEM, "options");
	r = check_options(v, err);
	if (r >= 0)
		*ret = take_ptr(v);
	return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/cgroup_systemd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"

#define SLICE ".slice"

static int bad_slice(const char *slice, struct err *err)
{
	return err_set(err, EINVAL, "linux.cgroupsPath: invalid slice name '%s'", slice);
}

/* "a-b.slice" lies in "a.slice": "/a.slice/a-b.slice". "-.slice" is the root. */
static int expand(const char *slice, struct buf *out, struct err *err)
{
	size_t n;

	if (strcmp(slice, "-" SLICE) == 0)
		return 0;
	if (!str_has_suffix(slice, SLICE) || strchr(slice, '/'))
		return bad_slice(slice, err);
	n = strlen(slice) - strlen(SLICE);
	for (size_t i = 0; i <= n; i++) {
		if (i < n && slice[i] != '-')
			continue;
		if (i == 0 || slice[i - 1] == '-')
			return bad_slice(slice, err);
		buf_printf(out, "/%.*s" SLICE, (int)i, slice);
	}
	return 0;
}

/* Splits "slice:prefix:name" in place. */
static int split(char *text, char *ret[3])
{
	ret[0] = text;
	for (int i = 1; i < 3; i++) {
		ret[i] = strchr(ret[i - 1], ':');
		if (!ret[i])
			return -EINVAL;
		*ret[i]++ = '\0';
	}
	return strchr(ret[2], ':') || strchr(ret[1], '/') || strchr(ret[2], '/') || !*ret[2] ?
		       -EINVAL :
		       0;
}

int cgroup_systemd_path(const char *booted, const char *spec, const char *id, char **ret,
			struct err *err)
{
	_free_ char *text = spec && *spec ? strdup(spec) : str_printf("system.slice:moat:%s", id);
	_buf_ struct buf out = {};
	char *part[3], *path;
	int r;

	if (access(booted, F_OK) < 0)
		return err_set(
			err, ENOTSUP,
			"--systemd-cgroup: this host does not run systemd; without the option cgroups are made directly");
	if (!text)
		return err_errno(err, ENOMEM, "linux.cgroupsPath");
	if (split(text, part) < 0)
		return err_set(
			err, EINVAL,
			"expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got \"%s\" instead",
			spec);
	r = expand(*part[0] ? part[0] : "system" SLICE, &out, err);
	if (r < 0)
		return r;
	if (str_has_suffix(part[2], SLICE))
		buf_printf(&out, "/%s", part[2]);
	else
		buf_printf(&out, "/%s%s%s.scope", part[1], *part[1] ? "-" : "", part[2]);
	path = buf_steal(&out);
	if (!path)
		return err_errno(err, ENOMEM, "linux.cgroupsPath");
	*ret = path;
	return 0;
}

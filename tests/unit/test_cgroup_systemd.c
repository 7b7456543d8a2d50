/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "libruntime/cgroup_systemd.h"

static void becomes(const char *spec, const char *want)
{
	_free_ char *path = NULL;
	struct err err = {};

	unit_ok(cgroup_systemd_path("/", spec, "c1", &path, &err), &err);
	ck_assert_str_eq(path, want);
}

START_TEST(paths)
{
	becomes("machine.slice:libpod:abc", "/machine.slice/libpod-abc.scope");
	becomes("system.slice:docker:abc", "/system.slice/docker-abc.scope");
	becomes("kubepods-besteffort-pod1.slice:cri-containerd:abc",
		"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1.slice/cri-containerd-abc.scope");
	becomes(":runc:abc", "/system.slice/runc-abc.scope");
	becomes("-.slice::abc", "/abc.scope");
	becomes("a.slice:x:b.slice", "/a.slice/b.slice");
	becomes("", "/system.slice/moat-c1.scope");
	becomes(NULL, "/system.slice/moat-c1.scope");
}
END_TEST

START_TEST(refused)
{
	static const char *const formats[] = { "/a/b",          "a.slice:b",      "a.slice:b:",
					       "a.slice:b:c:d", "a.slice:b/..:c", "a.slice:b:../c" };
	static const char *const slices[] = { "a:b:c", "a/b.slice:b:c", "-a.slice:b:c",
					      "a--b.slice:b:c", "a-.slice:b:c" };
	char *path = NULL;
	struct err err = {};

	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++)
		unit_fails(cgroup_systemd_path("/", formats[i], "c1", &path, &err), EINVAL, &err,
			   "slice:prefix:name");
	for (size_t i = 0; i < sizeof(slices) / sizeof(*slices); i++)
		unit_fails(cgroup_systemd_path("/", slices[i], "c1", &path, &err), EINVAL, &err,
			   "invalid slice name");
	unit_fails(cgroup_systemd_path("/no/such", "a.slice:b:c", "c1", &path, &err), ENOTSUP, &err,
		   "does not run systemd");
	ck_assert_ptr_null(path);
}
END_TEST

UNIT_MAIN("cgroup_systemd", paths, refused)

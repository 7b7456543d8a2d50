/* SPDX-License-Identifier: Apache-2.0 */
/* What QEMU may do, see and have open. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "hypervisor/hv.h"
#include "tests/unit/test_qemu.h"

static void check_status(const char *text, bool root)
{
	char self[64];
	static const char *const ns[] = { "mnt", "net", "ipc", "uts", "cgroup" };
	int n = 0;

	ck_assert_msg(strstr(text, "limits 129 67108864 0\n") != NULL, "%s", text);
	ck_assert_msg(strstr(text, "NoNewPrivs:\t1\n") != NULL, "%s", text);
	ck_assert_msg(strstr(text, "pdeathsig 9") != NULL, "%s", text);
	ck_assert_msg(strstr(text, "CapEff:\t0000000000000000\n") != NULL, "%s", text);
	ck_assert_msg(strstr(text, "CapAmb:\t0000000000000000\n") != NULL, "%s", text);
	if (root) {
		ck_assert_msg(strstr(text, "CapBnd:\t0000000000000000\n") != NULL, "%s", text);
		ck_assert_msg(strstr(text, "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n") !=
				      NULL,
			      "%s", text);
		for (size_t i = 0; i < ARRAY_SIZE(ns); i++) {
			char path[64], line[80];

			snprintf(path, sizeof(path), "/proc/self/ns/%s", ns[i]);
			memset(self, 0, sizeof(self));
			ck_assert_int_gt(readlink(path, self, sizeof(self) - 1), 0);
			snprintf(line, sizeof(line), "ns %s\n", self);
			ck_assert_msg(strstr(text, line) == NULL, "shares %s", self);
		}
	}
	for (const char *p = text; (p = strstr(p, "fd ")); p++)
		n++;
	ck_assert_int_eq(n, 6); /* 0 to 2 and three sockets */
}

START_TEST(confinement)
{
	start("status");
	until("start");
	check_status(told(), geteuid() == 0);
	teardown();
}
END_TEST

START_TEST(confinement_with_uid)
{
	const char *text;

	if (geteuid() != 0)
		return; /* needs root */
	as_other_user = true;
	start("status");
	until("start");
	text = told();
	check_status(text, true);
	ck_assert_ptr_nonnull(strstr(text, "Uid:\t1879040003\t1879040003\t1879040003\t1879040003\n"));
	ck_assert_ptr_nonnull(strstr(text, "Gid:\t1879040004\t1879040004\t1879040004\t1879040004\n"));
	ck_assert_ptr_nonnull(strstr(text, "Groups:\t1879040001 1879040002"));
	teardown();
}
END_TEST

/* The step of the confinement that fails is named. */
START_TEST(confinement_fails)
{
	struct hv_config cfg = config("ok");
	size_t n = 70000; /* more groups than a process may have */
	_free_ gid_t *groups = NULL;
	struct err err = { 0 };

	if (geteuid() != 0)
		return; /* needs root */
	groups = calloc(n, sizeof(*groups));
	cfg.uid = cfg.gid = 1879040003;
	cfg.groups = groups;
	cfg.n_groups = n;
	fds_before = unit_count_fds();
	unit_ok(loop_new(&loop, &err), &err);
	unit_ok(devices_new(4, &devices, &err), &err);
	unit_ok(hv_qemu_ops.create(&cfg, loop, on_event, NULL, &hv, &err), &err);
	unit_fails(hv->ops->start(hv, on_done, (void *)"start", &err), EINVAL, &err,
		   "confine: user and groups: start");
	teardown();
}
END_TEST

/* A root directory of our own with everything that / has, and /share: nothing of it outside of this process. */
static void root_with_share(void)
{
	static const char top[] = "/mnt";
	char from[PATH_MAX], to[PATH_MAX], target[PATH_MAX];
	DIR *d = opendir("/");

	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	ck_assert_int_eq(mount("tmpfs", top, "tmpfs", 0, NULL), 0);
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		snprintf(from, sizeof(from), "/%s", e->d_name);
		snprintf(to, sizeof(to), "%s/%s", top, e->d_name);
		if (e->d_name[0] == '.' || strcmp(e->d_name, "share") == 0 ||
		    strcmp(e->d_name, "mnt") == 0)
			continue;
		if (e->d_type == DT_DIR && mkdir(to, 0755) == 0)
			ck_assert_int_eq(mount(from, to, NULL, MS_BIND | MS_REC, NULL), 0);
		memset(target, 0, sizeof(target));
		if (e->d_type == DT_LNK && readlink(from, target, sizeof(target) - 1) > 0)
			ck_assert_int_eq(symlink(target, to), 0);
	}
	closedir(d);
	ck_assert_int_eq(chroot(top), 0);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(mkdir("/share", 0755), 0);
	ck_assert_int_eq(mount("tmpfs", "/share", "tmpfs", 0, NULL), 0);
	ck_assert_int_eq(mkdir("/share/visible", 0755), 0);
	/* A container's root below it: all goes. */
	ck_assert_int_eq(mount("tmpfs", "/share/visible", "tmpfs", 0, NULL), 0);
}

START_TEST(share_is_hidden)
{
	struct stat st;

	if (geteuid() != 0)
		return; /* needs root */
	root_with_share();
	start("status");
	until("start");
	ck_assert_ptr_nonnull(strstr(told(), " share -1\n"));
	/* And only there. */
	ck_assert_int_eq(stat("/share/visible", &st), 0);
	teardown();
}
END_TEST

static void add(TCase *tcase)
{
	tcase_add_test(tcase, confinement);
	tcase_add_test(tcase, confinement_with_uid);
	tcase_add_test(tcase, confinement_fails);
	tcase_add_test(tcase, share_is_hidden);
}

int main(int argc, char **argv)
{
	return qemu_main(argc, argv, "qemu_confine", add);
}

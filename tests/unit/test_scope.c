/* SPDX-License-Identifier: Apache-2.0 */
/* Against a bus of our own, where a child plays systemd; with the true one: tests/lab/systemd.bats. */
#include "libruntime/scope.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "tests/unit/test_scope.h"

#define PATIENCE 20000 /* ms: nothing of what is answered takes so long */
#define SHORT 300

/* ---- a scope's life ---- */

START_TEST(starts)
{
	struct err err = {};

	start_bus(PATIENCE);
	unit_ok(scope_start(&bus, "/a.slice/a-b.slice/good.scope", 4321, &err), &err);
	ck_assert_str_eq(
		seen->text,
		"fail CollectMode=inactive-or-failed Description=moat container Slice=a-b.slice "
		"DefaultDependencies=no Delegate=yes CPUAccounting=yes IOAccounting=yes MemoryAccounting=yes "
		"TasksAccounting=yes PIDs=4321");
	ck_assert_uint_eq(seen->stopped, 0);
	unit_ok(scope_stop(&bus, "good.scope", &err), &err);
	ck_assert_uint_eq(seen->stopped, 1);
	unit_ok(scope_stop(&bus, "gone.scope", &err), &err);
	ck_assert_uint_eq(seen->stopped, 2);
	stop_bus();
}
END_TEST

START_TEST(refused)
{
	struct err err = {};

	start_bus(PATIENCE);
	unit_fails(scope_start(&bus, "/refused.scope", 1, &err), EREMOTEIO, &err,
		   "--systemd-cgroup: unit refused.scope: StartTransientUnit: " SYSTEMD
		   ".UnitExists: It ?[31mis");
	ck_assert_uint_eq(seen->stopped, 0);
	unit_fails(scope_stop(&bus, "refused.scope", &err), EREMOTEIO, &err,
		   "stop unit refused.scope: StopUnit: " SYSTEMD ".UnitExists");
	/* The job was accepted, so what there is of the unit is ours. */
	seen->stopped = 0;
	unit_fails(scope_start(&bus, "/failing.scope", 1, &err), EREMOTEIO, &err,
		   "unit failing.scope: systemd's job for it: time out");
	ck_assert_uint_eq(seen->stopped, 1);
	stop_bus();
}
END_TEST

START_TEST(no_answer)
{
	struct err err = {};

	start_bus(SHORT);
	unit_fails(scope_start(&bus, "/silent.scope", 1, &err), ETIMEDOUT, &err,
		   "unit silent.scope: StartTransientUnit: no answer from the system bus in time");
	unit_fails(scope_start(&bus, "/forged.scope", 1, &err), ETIMEDOUT, &err,
		   "unit forged.scope: JobRemoved: no answer from the system bus in time");
	ck_assert_uint_eq(seen->stopped, 1);
	/* Systemd is gone, and the bus answers for it. */
	kill(children[1], SIGSTOP);
	unit_fails(scope_stop(&bus, "good.scope", &err), ETIMEDOUT, &err, "Subscribe: no answer");
	stop_bus();
}
END_TEST

START_TEST(no_bus)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct sdbus_at at = { "/no/such", PATIENCE };
	_close_ int fd = -EBADF;
	struct err err = {};

	unit_fails(
		scope_stop(&at, "a.scope", &err), ENOENT, &err,
		"stop unit a.scope: connect to the system bus /no/such: no such file or directory");
	/* One that does not say anything */
	dir = unit_mkdtemp();
	socket_path = path_join(dir, "bus");
	snprintf(to.sun_path, sizeof(to.sun_path), "%s", socket_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	at = (struct sdbus_at){ socket_path, SHORT };
	unit_fails(scope_stop(&at, "a.scope", &err), ETIMEDOUT, &err, "no answer");
	free(socket_path);
	unit_rmdir(dir);
}
END_TEST

START_TEST(no_library)
{
	struct sdbus_functions f;
	struct err err = {};

	unit_fails(sdbus_load("libsystemd.so.none", &f, &err), ENOTSUP, &err,
		   "libsystemd0, Fedora's systemd-libs): libsystemd.so.none: cannot open");
	unit_fails(sdbus_load("libc.so.6", &f, &err), ENOTSUP, &err, "libc.so.6 has no sd_bus_new");
}
END_TEST

/* ---- limits ---- */

static void leaf(const char *file, const char *text)
{
	_free_ char *path = path_join(dir, file);
	FILE *f = fopen(path, "we");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

START_TEST(limits)
{
	static char weight[] = "1920", other[] = "1";
	struct host_limit v[] = {
		{ .v2 = "memory.max", .v2_value = other },
		{ .v2 = "memory.swap.max", .v2_value = other },
		{ .v2 = "cpu.max", .v2_value = other },
		{ .v2 = "cpuset.cpus", .v2_value = other },
		{ .v2 = "pids.max", .v2_value = other },
		{ .v2 = "io.weight", .v2_value = weight },
		{ .v2 = "hugetlb.2MB.max", .v2_value = other },
		{ .v1 = "memory.limit_in_bytes", .v1_value = other },
		{ .v2 = "cpu.weight", .v2_value = other, .flags = HOST_LIMIT_LATE },
	};
	const struct host_limits l = { v, ARRAY_SIZE(v) }, none = { v + 6, 2 };
	const struct sdbus_at nowhere = { "/no/such", PATIENCE };
	struct err err = {};

	start_bus(PATIENCE);
	leaf("memory.max", "671088640\n");
	leaf("memory.swap.max", "max\n");
	leaf("cpu.max", "33333 100000\n");
	leaf("cpuset.cpus", "1,8-9\n");
	leaf("pids.max", "much\n");
	leaf("cpu.weight", "20\n");
	unit_ok(scope_limit_from(&bus, "good.scope", &l, dir, false, &err), &err);
	/* The quota in whole percent, as systemd writes it down */
	ck_assert_str_eq(seen->text, "runtime MemoryMax=671088640 MemorySwapMax=max "
				     "CPUQuotaPerSecUSec=340000 CPUQuotaPeriodUSec=100000 "
				     "AllowedCPUs=2 bytes from 02 IOWeight=1920");
	seen->text[0] = '\0';
	leaf("cpu.max", "max 50000\n");
	unit_ok(scope_limit_from(&bus, "good.scope", &l, dir, true, &err), &err);
	ck_assert_str_eq(seen->text, "runtime CPUWeight=20");
	unit_fails(scope_limit_from(&bus, "refused.scope", &l, dir, true, &err), EREMOTEIO, &err,
		   "limits of unit refused.scope: SetUnitProperties: " SYSTEMD ".UnitExists");
	/* Nobody is asked for nothing. */
	unit_ok(scope_limit_from(&nowhere, "good.scope", &none, dir, false, &err), &err);
	stop_bus();
}
END_TEST

START_TEST(units)
{
	ck_assert_str_eq(scope_unit("/a.slice/a-b.slice/moat-c1.scope"), "moat-c1.scope");
	ck_assert_str_eq(scope_unit("/c1.scope"), "c1.scope");
	ck_assert_ptr_null(scope_unit("/a.slice/b.slice"));
}
END_TEST

START_TEST(cpusets)
{
	unsigned char set[128];

	ck_assert_int_eq(scope_cpuset("", set), 0);
	ck_assert_int_eq(scope_cpuset("0", set), 1);
	ck_assert_uint_eq(set[0], 1);
	ck_assert_int_eq(scope_cpuset("0-2,9", set), 2);
	ck_assert_uint_eq(set[0], 7);
	ck_assert_uint_eq(set[1], 2);
	ck_assert_int_eq(scope_cpuset("9,1", set), 2);
	ck_assert_uint_eq(set[0], 2);
	ck_assert_int_eq(scope_cpuset("1023", set), 128);
	ck_assert_uint_eq(set[127], 128);
	ck_assert_int_eq(scope_cpuset("1024", set), -EINVAL);
	ck_assert_int_eq(scope_cpuset("0-99999999999999999999", set), -EINVAL);
	ck_assert_int_eq(scope_cpuset("2-1", set), -EINVAL);
	ck_assert_int_eq(scope_cpuset("a", set), -EINVAL);
	ck_assert_int_eq(scope_cpuset("1-", set), -EINVAL);
	ck_assert_int_eq(scope_cpuset("1 2", set), -EINVAL);
}
END_TEST

UNIT_MAIN("scope", starts, refused, no_answer, no_bus, no_library, limits, units, cpusets)

// SPDX-License-Identifier: Apache-2.0
/* Each case confines a forked child, which reports by its exit status. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/confine.h"
#include "base/io.h"
#include "tests/unit/unit.h"

/* Before what it knows not to return, a sanitizer makes calls of its own. */
static void leave(int code)
{
	syscall(SYS_exit_group, code);
}

/* In the child: leaves with the line's number where something is not as it should be. */
#define must(x)                                    \
	do {                                       \
		if (!(x))                          \
			leave(__LINE__ % 250 + 1); \
	} while (0)

static struct err err;

/* The wait status of a child that runs fn. */
static int in_child(void (*fn)(void))
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		fn();
		leave(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

static void expect_exit(void (*fn)(void), int code)
{
	int status = in_child(fn);

	ck_assert_msg(WIFEXITED(status), "killed by signal %d", WTERMSIG(status));
	ck_assert_msg(WEXITSTATUS(status) == code, "exit status %d (a line), not %d",
		      WEXITSTATUS(status), code);
}

static void expect_killed(void (*fn)(void), int sig)
{
	int status = in_child(fn);

	ck_assert_msg(WIFSIGNALED(status), "exit status %d (a line)", WEXITSTATUS(status));
	ck_assert_int_eq(WTERMSIG(status), sig);
}

static bool status_has(const char *line)
{
	_free_ char *text = NULL;

	return io_read_file(AT_FDCWD, "/proc/self/status", 1 << 16, &text, NULL, NULL) == 0 &&
	       strstr(text, line);
}

static void drop_caps(void)
{
	must(confine_no_new_privs(&err) == 0);
	must(confine_drop_caps(&err) == 0);
	must(status_has("CapInh:\t0000000000000000"));
	must(status_has("CapPrm:\t0000000000000000"));
	must(status_has("CapEff:\t0000000000000000"));
	must(status_has("CapBnd:\t0000000000000000"));
	must(status_has("CapAmb:\t0000000000000000"));
	must(status_has("NoNewPrivs:\t1"));
	must(confine_drop_caps(&err) == 0); /* again */
}

/* Without CAP_SETPCAP the bounding set cannot be emptied: that is reported, not passed over. */
static void drop_without_setpcap(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	must(syscall(SYS_capget, &header, data) == 0);
	data[0].effective &= ~(1u << CAP_SETPCAP);
	must(syscall(SYS_capset, &header, data) == 0);
	must(confine_drop_caps(&err) == -EPERM);
	must(strstr(err.msg, "bounding set") != NULL);
}

/* Also what the caller could have passed on. */
static void keep_one(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
	const uint64_t keep = UINT64_C(1) << CAP_DAC_OVERRIDE;

	must(syscall(SYS_capget, &header, data) == 0);
	data[0].inheritable = data[0].permitted;
	must(syscall(SYS_capset, &header, data) == 0);
	must(confine_keep_caps(keep, &err) == 0);
	must(syscall(SYS_capget, &header, data) == 0);
	must(data[0].permitted == keep && data[0].effective == keep && data[0].inheritable == 0);
	must(data[1].permitted == 0 && data[1].inheritable == 0);
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		must(prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == (cap == CAP_DAC_OVERRIDE));
}

START_TEST(capabilities)
{
	if (geteuid() != 0)
		return;
	expect_exit(keep_one, 0);
	expect_exit(drop_caps, 0);
	expect_exit(drop_without_setpcap, 0);
}
END_TEST

static void flags_and_limits(void)
{
	struct rlimit l;

	must(confine_undumpable(&err) == 0);
	must(prctl(PR_GET_DUMPABLE) == 0);
	must(confine_rlimit(RLIMIT_NOFILE, 64, &err) == 0);
	must(getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur == 64 && l.rlim_max == 64);
	must(confine_rlimit(RLIMIT_NOFILE, 128, &err) == 0); /* never raises */
	must(getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur == 64 && l.rlim_max == 64);
	must(confine_rlimit(RLIMIT_CORE, 0, &err) == 0);
	must(getrlimit(RLIMIT_CORE, &l) == 0 && l.rlim_cur == 0 && l.rlim_max == 0);
	must(confine_rlimit(999, 0, &err) == -EINVAL);
	must(confine_no_new_privs(&err) == 0);
	must(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
}

START_TEST(flags)
{
	expect_exit(flags_and_limits, 0);
}
END_TEST

static const struct confine_rule few[] = {
	CONFINE_ALLOW(exit_group),
	CONFINE_ALLOW(write),
	CONFINE_ALLOW_ARG(prctl, 0, PR_GET_DUMPABLE),
	CONFINE_ALLOW_ARG(lseek, 1, 0x100000001), /* 64 bits count */
	{ -1, -1, 0 },
	CONFINE_ALLOW_ARG_ALSO(dup3, 0, 1000),
	CONFINE_ALLOW_ARG_ALSO(dup3, 1, 1001),
	CONFINE_ALLOW_ARG(dup3, 2, 0x100000000),
	CONFINE_ALLOW_ARG_ALSO(dup3, 0, 1000),
	CONFINE_ALLOW_ARG(dup3, 1, 1002),
	CONFINE_ALLOW(getpid),
};

static void filter(int deny)
{
	must(confine_no_new_privs(&err) == 0);
	must(confine_syscalls(few, ARRAY_SIZE(few), deny, &err) == 0);
}

static void filter_allows(void)
{
	filter(CONFINE_KILL);
	must(syscall(SYS_getpid) > 0);
	must(syscall(SYS_prctl, PR_GET_DUMPABLE, 0, 0, 0, 0) >= 0);
	must(syscall(SYS_getpid) > 0); /* the rule after one with an argument */
}

static void filter_errno(void)
{
	filter(ENOSYS);
	must(syscall(SYS_getppid) == -1 && errno == ENOSYS);
	must(syscall(SYS_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == -1 && errno == ENOSYS);
	must(syscall(SYS_lseek, -1, 1UL, 0) == -1 && errno == ENOSYS);
	must(syscall(SYS_lseek, -1, 0x200000001UL, 0) == -1 && errno == ENOSYS);
	must(syscall(SYS_lseek, -1, 0x100000001UL, 0) == -1 && errno == EBADF);
	must(syscall(SYS_dup3, 1000UL, 1001UL, 0x100000000UL) == -1 && errno == EBADF);
	must(syscall(SYS_dup3, 1000UL, 1002UL, 0UL) == -1 && errno == EBADF);
	must(syscall(SYS_dup3, 1001UL, 1001UL, 0x100000000UL) == -1 && errno == ENOSYS);
	must(syscall(SYS_dup3, 1000UL, 1000UL, 0x100000000UL) == -1 && errno == ENOSYS);
	must(syscall(SYS_dup3, 1000UL, 1001UL, 0UL) == -1 && errno == ENOSYS);
	must(syscall(SYS_dup3, 1001UL, 1002UL, 0UL) == -1 && errno == ENOSYS);
	must(syscall(SYS_getpid) > 0);
	must(syscall(SYS_execve, "/bin/true", NULL, NULL) == -1 && errno == ENOSYS);
}

static void filter_kills(void)
{
	filter(CONFINE_KILL);
	syscall(SYS_getppid);
}

static void filter_kills_by_argument(void)
{
	filter(CONFINE_KILL);
	syscall(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0);
}

#ifdef __x86_64__
static void filter_x32(void)
{
	filter(ENOSYS);
	syscall(0x40000000 | SYS_getpid); /* would be permitted as such */
}

static void filter_i386(void)
{
	long r = 20; /* getpid there, writev here */

	filter(ENOSYS);
	__asm__ volatile("int $0x80" : "+a"(r) : : "memory");
}
#endif

START_TEST(filters)
{
	expect_exit(filter_allows, 0);
	expect_exit(filter_errno, 0);
	expect_killed(filter_kills, SIGSYS);
	expect_killed(filter_kills_by_argument, SIGSYS);
#ifdef __x86_64__
	expect_killed(filter_x32, SIGSYS);
	expect_killed(filter_i386, SIGSYS);
#endif
}
END_TEST

static void many_rules(void)
{
	struct confine_rule rules[CONFINE_MAX_RULES + 1];

	for (int i = 0; i < CONFINE_MAX_RULES; i++)
		rules[i] = (struct confine_rule){ 1000 + i, i % 6, (uint64_t)i };
	rules[CONFINE_MAX_RULES - 1] = (struct confine_rule)CONFINE_ALLOW(exit_group);
	must(confine_no_new_privs(&err) == 0);
	must(confine_syscalls(rules, CONFINE_MAX_RULES + 1, 0, &err) == -E2BIG);
	rules[0].arg = 6;
	must(confine_syscalls(rules, CONFINE_MAX_RULES, 0, &err) == -EINVAL);
	rules[0].arg = 0;
	rules[0].also = true; /* the next is of another call */
	must(confine_syscalls(rules, CONFINE_MAX_RULES, 0, &err) == -EINVAL);
	rules[0].also = false;
	rules[CONFINE_MAX_RULES - 1].also = true; /* there is no next */
	must(confine_syscalls(rules, CONFINE_MAX_RULES, 0, &err) == -EINVAL);
	rules[CONFINE_MAX_RULES - 1].also = false;
	must(confine_syscalls(rules, CONFINE_MAX_RULES, 0, &err) == 0);
}

static void without_privilege(void)
{
	must(setresuid(65534, 65534, 65534) == 0);
	must(confine_syscalls(few, ARRAY_SIZE(few), 0, &err) == -EACCES); /* no_new_privs is missing */
}

START_TEST(limits_of_filters)
{
	expect_exit(many_rules, 0);
	if (geteuid() == 0)
		expect_exit(without_privilege, 0);
}
END_TEST

UNIT_MAIN("confine", capabilities, flags, filters, limits_of_filters)

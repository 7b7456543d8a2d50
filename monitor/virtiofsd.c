/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/virtiofsd.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/confine.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/sock.h"
#include "base/str.h"
#include "monitor/monitor.h"

#define SOCKET_NAME "/run/virtiofsd.sock" /* in the jail, only until both ends are connected */
#define SOURCE_OPTION ("source=" MONITOR_SHARE_DIR)
#define LISTEN_FD 3
#define FILES 1000000 /* as its own default: virtiofsd(1), --rlimit-nofile */

int virtiofsd_argv(const struct vm_setup *s, enum virtiofsd_kind kind, int listen_fd, char ***ret,
		   struct err *err)
{
	static const char *const c_options[] = {
		"-o",
		SOURCE_OPTION,
		"-o",
		"sandbox=namespace",
		"-o",
		"xattr",
		"-o",
		"announce_submounts",
		"-o",
		"log_level=warn",
		"--rlimit-nofile=0",
		NULL,
	};
	static const char *const rust_options[] = {
		"--shared-dir",
		MONITOR_SHARE_DIR,
		"--sandbox",
		"namespace",
		"--xattr",
		"--announce-submounts",
		"--log-level",
		"warn",
		"--rlimit-nofile",
		"0",
		NULL,
	};
	const char *const *o = kind == VIRTIOFSD_C ? c_options : rust_options;
	const char *cache = s->virtiofs_cache;
	_strv_ char **v = NULL;
	_free_ char *fd = str_printf("--fd=%d", listen_fd), *cache_option = NULL;
	char **extra;
	int r;

	r = fd ? strv_add(&v, s->virtiofsd) : -ENOMEM;
	if (r >= 0)
		r = strv_add(&v, fd);
	for (; r >= 0 && *o; o++)
		r = strv_add(&v, *o);
	/* The C program says "none" where the Rust one and the configuration say "never". */
	if (kind == VIRTIOFSD_C && strcmp(cache, "never") == 0)
		cache = "none";
	cache_option = str_printf(kind == VIRTIOFSD_C ? "-ocache=%s" : "--cache=%s", cache);
	if (r >= 0)
		r = cache_option ? strv_add(&v, cache_option) : -ENOMEM;
	for (extra = s->virtiofsd_args; r >= 0 && extra && *extra; extra++)
		r = strv_add(&v, *extra);
	if (r < 0)
		return err_errno(err, -r, "virtiofsd");
	*ret = take_ptr(v);
	return 0;
}

/*
 * What it needs to act for any user of the guest, and (the last three) to build its own sandbox. Its main
 * thread never drops them (seen with the C program of QEMU 7.2), so they are limited from outside.
 */
static const int kept_caps[] = {
	CAP_CHOWN,  CAP_DAC_OVERRIDE, CAP_FOWNER,  CAP_FSETID,    CAP_SETGID,
	CAP_SETUID, CAP_MKNOD,        CAP_SETFCAP, CAP_SYS_ADMIN, CAP_SETPCAP,
};

/* It holds a descriptor for every file that the guest knows, and the Rust one does not start if it can have only a few. */
static void raise_files(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) < 0)
		return;
	if (rl.rlim_max < FILES &&
	    setrlimit(RLIMIT_NOFILE, &(struct rlimit){ .rlim_cur = FILES, .rlim_max = FILES }) == 0)
		return;
	rl.rlim_cur = rl.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &rl);
}

static int prepare(void *data)
{
	uint64_t keep = 0;
	int r;

	raise_files();
	for (size_t i = 0; i < ARRAY_SIZE(kept_caps); i++)
		keep |= UINT64_C(1) << kept_caps[i];
	r = confine_keep_caps(keep, NULL);
	if (r < 0)
		return r;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

int virtiofsd_start(const struct vm_setup *s, struct virtiofsd *ret, struct err *err)
{
	_close_ int listen_fd = -EBADF, sock = -EBADF, out_r = -EBADF, out_w = -EBADF;
	_strv_ char **argv = NULL;
	static char path[] = "PATH=/usr/bin:/bin";
	char *const env[] = { path, NULL };
	enum virtiofsd_kind kind = VIRTIOFSD_C;
	int pipefd[2], r;

	r = virtiofsd_probe(s->virtiofsd, &kind, err);
	if (r >= 0)
		r = virtiofsd_argv(s, kind, LISTEN_FD, &argv, err);
	if (r < 0)
		return r;
	listen_fd = sock_listen_at(AT_FDCWD, SOCKET_NAME, err);
	if (listen_fd < 0)
		return err_wrap(err, "virtiofsd");
	/* Connected before the daemon runs: it finds the connection in its backlog. */
	sock = sock_connect_at(AT_FDCWD, SOCKET_NAME, err);
	unlink(SOCKET_NAME);
	if (sock < 0)
		return err_wrap(err, "virtiofsd");
	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return err_errno(err, errno, "virtiofsd");
	out_r = pipefd[0];
	out_w = pipefd[1];

	const struct spawn_fd fds[] = { { out_w, 1 }, { out_w, 2 }, { listen_fd, LISTEN_FD } };
	const struct spawn sp = {
		.path = s->virtiofsd,
		.exe_fd = -EBADF,
		.argv = argv,
		.envp = env,
		.fds = fds,
		.n_fds = ARRAY_SIZE(fds),
		.pdeathsig = SIGKILL,
		.new_session = true,
		.deaf = true, /* as QEMU is */
		.prepare = prepare,
	};

	r = spawn(&sp, &ret->pid, &ret->pidfd, err);
	if (r < 0)
		return err_wrap(err, "virtio_fs_daemon '%s'", s->virtiofsd);
	ret->socket = take_fd(sock);
	ret->output = take_fd(out_r);
	return 0;
}

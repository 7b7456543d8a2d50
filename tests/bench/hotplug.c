/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hotplug RUNS QMP PORT DISK PROGRAM CONFIG ROOT ID DISK
 *
 * The time from the plugging of a disk until a program in the guest has opened its node, in turns for a bare QEMU, known by
 * its sockets, and for a container that runs; prints lines "SUBJECT<tab>MILLISECONDS". "moat, call": how long the library's
 * function takes. Both have guest.c, which waits for the node when it is told to and says when it is there. The first disk,
 * with which drivers are loaded, is not counted.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "libruntime/moat.h"

#define NODE "/dev/bench" /* in the container */
#define DEADLINE_S 600

/* A guest's program. */
struct guest {
	int to, from;
};

static struct moat_error err;

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void __attribute__((noreturn)) die(const char *what, const char *why)
{
	fprintf(stderr, "hotplug: %s: %s\n", what, why);
	exit(1);
}

/* Tells the guest's program to wait for that. */
static void ask(const struct guest *g, char what)
{
	if (write(g->to, &what, 1) != 1)
		die("guest", strerror(errno));
}

static void expect(const struct guest *g, char what)
{
	char got = 0;

	if (read(g->from, &got, 1) != 1 || got != what)
		die("guest", "it says something else");
}

/* ---- bare QEMU ---- */

static int dial(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(a.sun_path))
		die(path, "too long");
	memcpy(a.sun_path, path, strlen(path) + 1);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		die(path, strerror(errno));
	return fd;
}

/* Reads lines until one has that word. */
static void qmp_until(FILE *qmp, const char *word)
{
	char line[4096];

	while (fgets(line, sizeof(line), qmp)) {
		if (strstr(line, "\"error\""))
			die("QMP", line);
		if (strstr(line, word))
			return;
	}
	die("QMP", "ended");
}

static void __attribute__((format(printf, 2, 3))) qmp_send(FILE *qmp, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (write(fileno(qmp), text, (size_t)n) != n)
		die("QMP", strerror(errno));
}

static double plug_bare(FILE *qmp, const struct guest *g, const char *disk)
{
	double start, spent;

	qmp_send(qmp,
		 "{\"execute\":\"blockdev-add\",\"arguments\":{\"driver\":\"raw\",\"node-name\":\"plug\","
		 "\"file\":{\"driver\":\"host_device\",\"filename\":\"%s\"}}}",
		 disk);
	qmp_until(qmp, "\"return\"");
	ask(g, '+');
	start = now_ms();
	qmp_send(qmp, "{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"virtio-blk-pci\","
		      "\"id\":\"plug\",\"drive\":\"plug\",\"bus\":\"rp0\"}}");
	expect(g, '+');
	spent = now_ms() - start;
	qmp_until(qmp, "\"return\"");
	qmp_send(qmp, "{\"execute\":\"device_del\",\"arguments\":{\"id\":\"plug\"}}");
	/* Of the device, not of what is in it. */
	qmp_until(qmp, "\"device\": \"plug\"");
	qmp_send(qmp, "{\"execute\":\"blockdev-del\",\"arguments\":{\"node-name\":\"plug\"}}");
	qmp_until(qmp, "\"return\"");
	ask(g, '-');
	expect(g, '-');
	return spent;
}

/* ---- moat ---- */

static struct guest enter(const struct moat *m, const char *id)
{
	static const char *const args[] = { "bench-guest", "node", NODE, NULL };
	struct moat_process *p = moat_process_new();
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
		die("pipe", strerror(errno));
	moat_process_set_args(p, args);
	moat_process_set_stdio(p, in[0], out[1], STDERR_FILENO);
	if (moat_container_enter(m, id, p, NULL, &err) < 0)
		die(id, err.msg);
	moat_process_free(p);
	close(in[0]);
	close(out[1]);
	return (struct guest){ in[1], out[0] };
}

static double plug_moat(const struct moat *m, const char *id, const struct guest *g,
			const char *disk, double *ret_call)
{
	double start, spent;

	ask(g, '+');
	start = now_ms();
	if (moat_container_add_device(m, id, disk, NODE, NULL, NULL, &err) < 0)
		die(disk, err.msg);
	*ret_call = now_ms() - start;
	expect(g, '+');
	spent = now_ms() - start;
	if (moat_container_remove_device(m, id, NODE, false, &err) < 0)
		die(disk, err.msg);
	ask(g, '-');
	expect(g, '-');
	return spent;
}

int main(int argc, char **argv)
{
	struct guest bare, container;
	struct moat *m = moat_new();
	FILE *qmp;

	if (argc != 10) {
		fputs("usage: hotplug RUNS QMP PORT DISK PROGRAM CONFIG ROOT ID DISK\n", stderr);
		return 2;
	}
	alarm(DEADLINE_S);
	if (moat_set_program(argv[5], &err) < 0)
		die(argv[5], err.msg);
	moat_set_configuration(m, argv[6]);
	moat_set_root(m, argv[7]);
	container = enter(m, argv[8]);
	bare.to = bare.from = dial(argv[3]);
	qmp = fdopen(dial(argv[2]), "re");
	qmp_until(qmp, "\"QMP\"");
	qmp_send(qmp, "{\"execute\":\"qmp_capabilities\"}");
	qmp_until(qmp, "\"return\"");
	for (long i = strtol(argv[1], NULL, 10); i >= 0; i--) {
		double own = plug_bare(qmp, &bare, argv[4]), call;
		double moat = plug_moat(m, argv[8], &container, argv[9], &call);

		if (i < strtol(argv[1], NULL, 10))
			printf("bare QEMU\t%.3f\nmoat\t%.3f\nmoat, call\t%.3f\n", own, moat, call);
	}
	moat_free(m);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP between host and guest.
 *
 *	netbench serve				in a container: answers what follows
 *	netbench ADDRESS up|down BYTES		sends BYTES, or receives them: prints MB (10^6 bytes) a second
 *	netbench ADDRESS ping COUNT		one byte there and back: prints the median in microseconds
 *
 * As PID 1 of a bare QEMU: loads the initramfs' modules, gives eth0 the address in its argument (of a /24) and serves.
 * The client waits until somebody answers.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PORT 5001
#define CHUNK 65536
#define MODULES "/lib/modules/moat"
#define WAIT_S 120
#define COUNT_MAX 100000

struct request {
	char kind; /* 'u', 'd', 'p' */
	uint64_t amount;
} __attribute__((packed));

static char chunk[CHUNK];

static void die(const char *what)
{
	fprintf(stderr, "netbench: %s: %s\n", what, errno ? strerror(errno) : "ended early");
	exit(1);
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int all(int fd, void *data, size_t len, int out)
{
	char *p = data;

	while (len > 0) {
		ssize_t n = out ? write(fd, p, len) : read(fd, p, len);

		if (n <= 0)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int bytes(int fd, uint64_t amount, int out)
{
	while (amount > 0) {
		size_t n = amount < CHUNK ? (size_t)amount : CHUNK;

		if (all(fd, chunk, n, out) < 0)
			return -1;
		amount -= n;
	}
	return 0;
}

static void no_delay(int fd)
{
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

/* ---- the guest ---- */

static void answer(int fd)
{
	struct request q;
	char byte;

	no_delay(fd);
	if (all(fd, &q, sizeof(q), 0) < 0)
		return;
	if (q.kind == 'u' && bytes(fd, q.amount, 0) == 0)
		all(fd, &q.kind, 1, 1);
	else if (q.kind == 'd')
		bytes(fd, q.amount, 1);
	while (q.kind == 'p' && q.amount-- > 0 && all(fd, &byte, 1, 0) == 0)
		all(fd, &byte, 1, 1);
}

static void serve(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (s < 0 || bind(s, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(s, 4) < 0)
		die("listen");
	for (;;) {
		int fd = accept(s, NULL, NULL);

		if (fd < 0)
			continue;
		answer(fd);
		close(fd);
	}
}

static void load_modules(void)
{
	FILE *order = fopen(MODULES "/order", "re");
	char name[128], path[256];

	while (order && fscanf(order, "%127s", name) == 1) {
		snprintf(path, sizeof(path), MODULES "/%s", name);
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST))
			perror(name);
		close(fd);
	}
	if (order)
		fclose(order);
}

static void configure(const char *address)
{
	struct sockaddr_in a = { .sin_family = AF_INET }, mask = a;
	struct ifreq r = { .ifr_name = "eth0" };
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), i;

	inet_pton(AF_INET, address, &a.sin_addr);
	inet_pton(AF_INET, "255.255.255.0", &mask.sin_addr);
	memcpy(&r.ifr_addr, &a, sizeof(a));
	for (i = 0; i < 5000 && ioctl(s, SIOCSIFADDR, &r) < 0; i++)
		usleep(1000);
	memcpy(&r.ifr_netmask, &mask, sizeof(mask));
	ioctl(s, SIOCSIFNETMASK, &r);
	r.ifr_flags = IFF_UP;
	ioctl(s, SIOCSIFFLAGS, &r);
	close(s);
}

/* ---- the host ---- */

static int dial(const char *address)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	double end = now_s() + WAIT_S;

	if (inet_pton(AF_INET, address, &a.sin_addr) != 1)
		die(address);
	while (now_s() < end) {
		struct timeval limit = { .tv_sec = 2 };
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
		if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0) {
			limit.tv_sec = WAIT_S;
			setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
			setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
			no_delay(fd);
			return fd;
		}
		close(fd);
		usleep(50000);
	}
	errno = ETIMEDOUT;
	die(address);
	return -1;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double ping(int fd, uint64_t count)
{
	double *v = calloc(count, sizeof(*v)), start, median;
	char byte = 0;

	if (!v)
		die("memory");
	for (uint64_t i = 0; i < count; i++) {
		start = now_s();
		if (all(fd, &byte, 1, 1) < 0 || all(fd, &byte, 1, 0) < 0)
			die("ping");
		v[i] = (now_s() - start) * 1e6;
	}
	qsort(v, count, sizeof(*v), compare);
	median = v[count / 2];
	free(v);
	return median;
}

static double transfer(int fd, const struct request *q)
{
	double start = now_s();
	char done;

	if (q->kind == 'd' ? bytes(fd, q->amount, 0) < 0 :
			     bytes(fd, q->amount, 1) < 0 || all(fd, &done, 1, 0) < 0)
		die("transfer");
	return (double)q->amount / 1e6 / (now_s() - start);
}

int main(int argc, char **argv)
{
	if (getpid() == 1 && strcmp(argv[0], "/init") == 0) {
		load_modules();
		configure(argc > 1 ? argv[1] : "");
		serve();
	}
	if (argc == 2 && strcmp(argv[1], "serve") == 0)
		serve();
	if (argc != 4 || !strchr("udp", argv[2][0])) {
		fprintf(stderr, "usage: netbench serve | netbench ADDRESS up|down|ping AMOUNT\n");
		return 2;
	}
	struct request q = { .kind = argv[2][0], .amount = strtoull(argv[3], NULL, 10) };
	int fd = dial(argv[1]);

	if (q.amount == 0 || (q.kind == 'p' && q.amount > COUNT_MAX) ||
	    all(fd, &q, sizeof(q), 1) < 0)
		die("request");
	printf("%.2f\n", q.kind == 'p' ? ping(fd, q.amount) : transfer(fd, &q));
	return 0;
}

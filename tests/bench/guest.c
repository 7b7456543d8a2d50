/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the benchmarks run inside: a container's program, or as PID 1 the whole of a bare QEMU's guest.
 *
 *	guest off		end at once (PID 1: reboot)
 *	guest out BYTES		write BYTES to standard output, then wait for one byte
 *	guest in BYTES		write one byte, read BYTES from standard input, write one byte
 *	guest disk PATH MIB	read and write a disk, or a file that is made, past all caches; prints "NAME MB/s" for each way
 *	guest wait N		only as PID 1: wait until N disks are there, then reboot
 *	guest node PATH		for each byte read, "+" or "-", write it when PATH can, or cannot any more, be opened
 *
 * As PID 1 `disk` has for PATH: "blk" (/dev/vda), "ext4" (a file in the file system on that) or "virtiofs" (in the share "bench"), and prints
 * to the serial console.
 *
 * As PID 1 `node` loads the modules for disks first.
 *
 * PID 1 takes the virtio-serial port for standard input and output; its arguments follow "--" on the
 * kernel's command line.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CHUNK 65536
#define PORT "/dev/vport0p1"
#define PORT_WAIT_MS 5000
#define MODULES "/lib/modules/moat"
#define MIB 1048576LL
#define BLOCK 131072 /* of sequential access */
#define SMALL 4096 /* of random access, which takes a sixteenth of the bytes */

static char chunk[CHUNK];
static char block[BLOCK] __attribute__((aligned(SMALL)));

static int copy_out(long long bytes)
{
	char ack;

	while (bytes > 0) {
		ssize_t n = write(STDOUT_FILENO, chunk, bytes < CHUNK ? (size_t)bytes : CHUNK);

		if (n <= 0)
			return 1;
		bytes -= n;
	}
	/* What is still under way is lost when a port is closed. */
	return read(STDIN_FILENO, &ack, 1) == 1 ? 0 : 1;
}

static int copy_in(long long bytes)
{
	if (write(STDOUT_FILENO, "r", 1) != 1)
		return 1;
	while (bytes > 0) {
		ssize_t n = read(STDIN_FILENO, chunk, bytes < CHUNK ? (size_t)bytes : CHUNK);

		if (n <= 0)
			return 1;
		bytes -= n;
	}
	return write(STDOUT_FILENO, "d", 1) == 1 ? 0 : 1;
}

/* ---- disks ---- */

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* One way over the first `bytes`: the same places each time. */
static int access_disk(int fd, long long bytes, int size, int writes, int random)
{
	long long n = bytes / size / (random ? 16 : 1);
	unsigned long long x = 88172645463325252ULL;

	for (long long i = 0; i < n; i++) {
		off_t at = i * size;

		if (random) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			at = (off_t)(x % (unsigned long long)(bytes / size)) * size;
		}
		if ((writes ? pwrite(fd, block, (size_t)size, at) :
			      pread(fd, block, (size_t)size, at)) != size)
			return 1;
	}
	return writes && fdatasync(fd) < 0;
}

static int measure_disk(const char *path, long long bytes)
{
	static const struct {
		const char *name;
		int size, writes, random;
	} ways[] = {
		{ "sequential-write", BLOCK, 1, 0 },
		{ "sequential-read", BLOCK, 0, 0 },
		{ "random-write", SMALL, 1, 1 },
		{ "random-read", SMALL, 0, 1 },
	};
	int fd = open(path, O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0600);

	if (fd < 0)
		return 1;
	memset(block, 0x5a, sizeof(block));
	/* The file is there before anything is measured, and the translated code warm. */
	if (access_disk(fd, bytes, BLOCK, 1, 0) || access_disk(fd, bytes, SMALL, 0, 1))
		return 1;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		double start = now(), spent;

		if (access_disk(fd, bytes, ways[i].size, ways[i].writes, ways[i].random))
			return 1;
		spent = now() - start;
		printf("%s %.3f\n", ways[i].name,
		       (double)bytes / (ways[i].random ? 16 : 1) / 1e6 / spent);
	}
	fflush(stdout);
	return close(fd) < 0;
}

static void load_modules(const char *list)
{
	char path[128], name[96];
	FILE *f;

	snprintf(path, sizeof(path), MODULES "/%s", list);
	f = fopen(path, "re");
	while (f && fgets(name, sizeof(name), f)) {
		int fd;

		name[strcspn(name, "\n")] = '\0';
		snprintf(path, sizeof(path), MODULES "/%s", name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0)
			syscall(SYS_finit_module, fd, "",
				strstr(name, ".ko") + 3 < strchr(name, '\0') ? 4 : 0);
		close(fd);
	}
	if (f)
		fclose(f);
}

static int wait_disks(int n)
{
	char path[16];

	load_modules("order");
	load_modules("order.d/blk");
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "/dev/vd%c", 'a' + i);
		for (int ms = 0; access(path, F_OK) < 0; ms++) {
			if (ms == PORT_WAIT_MS)
				return 1;
			usleep(1000);
		}
	}
	return 0;
}

/* The guest's own PATH: what it has to do first. */
static int own_disk(const char *kind, long long bytes)
{
	int share = strcmp(kind, "virtiofs") == 0, fd = open("/dev/ttyS0", O_WRONLY | O_NOCTTY);

	if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || wait_disks(!share))
		return 1;
	if (strcmp(kind, "blk") == 0)
		return measure_disk("/dev/vda", bytes);
	mkdir("/mnt", 0700);
	if (mount(share ? "bench" : "/dev/vda", "/mnt", kind, 0, NULL) < 0)
		return 1;
	if (measure_disk("/mnt/bench", bytes))
		return 1;
	return umount("/mnt") < 0;
}

/* ---- a device that comes and goes ---- */

static int watch_node(const char *path)
{
	char want;
	ssize_t n;

	/* A port that nobody has connected to yet is at its end. */
	while ((n = read(STDIN_FILENO, &want, 1)) == 1 || (n == 0 && getpid() == 1)) {
		if (n == 0)
			usleep(10000);
		while (n == 1) {
			int fd = open(path, O_RDONLY | O_CLOEXEC);

			if (fd >= 0)
				close(fd);
			if ((fd >= 0) == (want == '+'))
				break;
			usleep(1000);
		}
		if (n == 1 && write(STDOUT_FILENO, &want, 1) != 1)
			return 1;
	}
	return 0;
}

static int run(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "out") == 0)
		return copy_out(atoll(argv[2]));
	if (argc > 2 && strcmp(argv[1], "in") == 0)
		return copy_in(atoll(argv[2]));
	if (argc > 3 && strcmp(argv[1], "disk") == 0)
		return getpid() == 1 && strcmp(argv[0], "/init") == 0 ?
			       own_disk(argv[2], atoll(argv[3]) * MIB) :
			       measure_disk(argv[2], atoll(argv[3]) * MIB);
	if (argc > 2 && strcmp(argv[1], "wait") == 0)
		return wait_disks(atoi(argv[2]));
	if (argc > 2 && strcmp(argv[1], "node") == 0)
		return watch_node(argv[2]);
	return argc > 1 && strcmp(argv[1], "off") == 0 ? 0 : 2;
}

/* The driver makes the port while the kernel boots, or a little later. */
static void open_port(void)
{
	int fd = -1, i;

	for (i = 0; i < PORT_WAIT_MS && fd < 0; i++) {
		fd = open(PORT, O_RDWR);
		if (fd < 0)
			usleep(1000);
	}
	dup2(fd, STDIN_FILENO);
	dup2(fd, STDOUT_FILENO);
}

int main(int argc, char **argv)
{
	if (getpid() != 1 || strcmp(argv[0], "/init") != 0)
		return run(argc, argv);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	if (argc > 1 && strcmp(argv[1], "node") == 0)
		wait_disks(0);
	if (argc > 1 && (strcmp(argv[1], "out") == 0 || strcmp(argv[1], "in") == 0 ||
			 strcmp(argv[1], "node") == 0))
		open_port();
	run(argc, argv);
	sync();
	return reboot(RB_AUTOBOOT);
}

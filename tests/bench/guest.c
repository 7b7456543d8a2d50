/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the benchmarks run inside: a container's program, or as PID 1 the whole of a bare QEMU's guest.
 *
 *	guest off		end at once (PID 1: reboot)
 *	guest out BYTES		write BYTES to standard output, then wait for one byte
 *	guest in BYTES		write one byte, read BYTES from standard input, write one byte
 *
 * PID 1 takes the virtio-serial port for standard input and output; its arguments follow "--" on the
 * kernel's command line.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <unistd.h>

#define CHUNK 65536
#define PORT "/dev/vport0p1"
#define PORT_WAIT_MS 5000

static char chunk[CHUNK];

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

static int run(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "out") == 0)
		return copy_out(atoll(argv[2]));
	if (argc > 2 && strcmp(argv[1], "in") == 0)
		return copy_in(atoll(argv[2]));
	return argc > 1 && strcmp(argv[1], "off") == 0 ? 0 : 2;
}

/* The driver makes the port while the kernel boots, or a little later. */
static void open_port(void)
{
	int fd = -1, i;

	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
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
	if (argc > 1 && strcmp(argv[1], "off") != 0)
		open_port();
	run(argc, argv);
	return reboot(RB_AUTOBOOT);
}

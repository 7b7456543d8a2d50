/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's ends: PID 1 may not simply exit. */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <termios.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/io.h"

static bool testing;

void agent_set_test(void)
{
	testing = true;
}

static void end(int status) __attribute__((noreturn));
static void end(int status)
{
	if (testing)
		_exit(status);
	tcdrain(STDERR_FILENO);
	/* QEMU runs with -no-reboot: this is the shortest way to its end, and needs no ACPI. */
	reboot(RB_AUTOBOOT);
	_exit(status); /* the kernel panics, with the same effect */
}

void agent_fatal(const char *fmt, ...)
{
	char msg[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	io_write_all(STDERR_FILENO, "moat-agent: ", strlen("moat-agent: "));
	io_write_all(STDERR_FILENO, msg, strlen(msg));
	io_write_all(STDERR_FILENO, "\n", 1);
	end(1);
}

void agent_end(struct agent *a)
{
	end(0);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/modules.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/log.h"
#include "base/str.h"

#define MODULE_DIR "/lib/modules/moat"
#define ORDER_MAX 65536
#define INIT_COMPRESSED_FILE 4 /* MODULE_INIT_COMPRESSED_FILE of linux/module.h */

/*
 * Groups of which every module is there. The kernel reads a file whole before it says so, and each disk that is plugged in
 * would wait for that.
 */
static char **complete;

static bool is_complete(const char *group)
{
	for (char **g = complete; g && *g; g++)
		if (strcmp(*g, group) == 0)
			return true;
	return false;
}

static bool load_one(int dirfd, const char *name)
{
	_close_ int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	bool ok = fd >= 0 && (syscall(SYS_finit_module, fd, "",
				      str_has_suffix(name, ".ko") ? 0 : INIT_COMPRESSED_FILE) == 0 ||
			      errno == EEXIST);

	if (!ok)
		log_warn("%s %s: %s", fd < 0 ? "module" : "load module", name, err_str(errno));
	return ok;
}

void modules_load(const char *group)
{
	char order[64];
	_free_ char *list = NULL;
	struct err err;
	bool ok = true;

	if (group && is_complete(group))
		return;
	_close_ int dirfd = open(MODULE_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dirfd < 0) {
		log_debug("open " MODULE_DIR ": %s", err_str(errno));
		return;
	}
	snprintf(order, sizeof(order), "%s%s", group ? "order.d/" : "order", group ? group : "");
	int r = io_read_file(dirfd, order, ORDER_MAX, &list, NULL, &err);
	if (r < 0) {
		/* A kernel that has it built in comes without a list for it. */
		if (r == -ENOENT && group)
			log_debug("modules: %s", err.msg);
		else
			log_warn("modules: %s", err.msg);
		return;
	}
	for (char *save, *name = strtok_r(list, "\n", &save); name;
	     name = strtok_r(NULL, "\n", &save))
		ok = load_one(dirfd, name) && ok;
	/* Without memory for it they are looked at again. */
	if (group && ok)
		(void)strv_add(&complete, group);
}

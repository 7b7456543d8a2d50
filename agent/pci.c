/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/pci.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/hotplug.h"
#include "agent/modules.h"
#include "agent/uevent.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/log.h"
#include "base/str.h"

#define DEVICE_MS 20000 /* until the guest has seen it */
#define DRIVER_MS 3000 /* until a driver has taken it */
#define RESULT_MS 20000 /* until that has made something of it */

/* What devices of a class become, and the groups of modules that may have their driver. */
static const struct class
{
	uint32_t mask, class;
	const char *result; /* directory of /sys/class; NULL: nothing that is waited for */
	const char *groups[4];
} classes[] = {
	{ 0xffff00, 0x010800, "block", { "nvme" } },
	{ 0xff0000, 0x010000, "block", { "blk", "scsi" } },
	{ 0xff0000, 0x020000, "net", { "net", "ixgbevf" } },
	{ 0, 0, NULL, { NULL } },
};

struct device {
	const char *port;
	char address[PCI_ADDRESS_SIZE];
	uint32_t class;
	const struct class *kind;
	char **names; /* in /sys/class/RESULT */
};

static int read_text(const struct device *d, const char *attribute, char *ret, size_t size)
{
	_free_ char *path = str_printf(HOTPLUG_PCI_DEVICES "/%s/%s", d->address, attribute),
		    *text = NULL;
	int r = path ? io_read_file(AT_FDCWD, path, size - 1, &text, NULL, NULL) : -ENOMEM;

	if (r < 0)
		return r;
	text[strcspn(text, "\n")] = '\0';
	snprintf(ret, size, "%s", text);
	return 0;
}

/* The one device behind the port: a directory in that of the port with a PCI address as its name. */
static int look_device(void *data, struct err *err)
{
	struct device *d = data;
	char path[64], class[16];
	struct dirent *e;
	int r = -ENOENT;
	DIR *dir;

	(void)err;
	snprintf(path, sizeof(path), HOTPLUG_PCI_DEVICES "/%s", d->port);
	dir = opendir(path);
	while (dir && r < 0 && (e = readdir(dir))) {
		if (strlen(e->d_name) != strlen("0000:01:00.0") || e->d_name[4] != ':' ||
		    e->d_name[10] != '.')
			continue;
		snprintf(d->address, sizeof(d->address), "%.12s", e->d_name);
		if (read_text(d, "class", class, sizeof(class)) < 0)
			continue;
		d->class = (uint32_t)strtoul(class, NULL, 16);
		r = 0;
	}
	if (dir)
		closedir(dir);
	return r;
}

static int look_driver(void *data, struct err *err)
{
	const struct device *d = data;
	char path[64];

	(void)err;
	snprintf(path, sizeof(path), HOTPLUG_PCI_DEVICES "/%s/driver", d->address);
	return access(path, F_OK) < 0 ? -ENOENT : 0;
}

static int look_result(void *data, struct err *err)
{
	struct device *d = data;

	strv_free(d->names);
	d->names = NULL;
	return hotplug_find(d->kind->result, d->port, &d->names, err);
}

static void load_driver(struct device *d)
{
	d->kind = classes;
	while ((d->class & d->kind->mask) != d->kind->class)
		d->kind++;
	for (size_t i = 0; i < ARRAY_SIZE(d->kind->groups) && d->kind->groups[i]; i++)
		modules_load(d->kind->groups[i]);
}

/* ---- disks ---- */

int pci_disk_numbers(const char *name, int *ret_major, int *ret_minor, struct err *err)
{
	_free_ char *attribute = str_printf("/sys/class/block/%s/dev", name), *text = NULL;

	if (!attribute)
		return err_errno(err, ENOMEM, "PCI device");
	if (io_read_file(AT_FDCWD, attribute, 32, &text, NULL, NULL) < 0)
		return -ENOENT;
	text[strcspn(text, "\n")] = '\0';
	return hotplug_parse_dev(text, ret_major, ret_minor) < 0 ?
		       err_set(err, EIO, "disk '%s': no numbers", name) :
		       0;
}

/* ---- waiting ---- */

/* Opening a disk waits until its partitions are known; then they are looked for again. */
static int look_partitions(struct device *d, struct err *err)
{
	for (char **name = d->names; *name; name++) {
		_free_ char *path = str_printf("/dev/%s", *name);
		_close_ int fd = path ? open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;

		(void)fd;
	}
	if (look_result(d, err) < 0)
		return err_set(err, ENODEV, "PCI device %s of the guest has lost its disks",
			       d->address);
	return 0;
}

/* It is there, and lspci shows it, but nobody in this guest can do anything with it. */
static void warn_useless(const struct device *d, const char *why)
{
	char vendor[16] = "?", id[16] = "?";

	(void)read_text(d, "vendor", vendor, sizeof(vendor));
	(void)read_text(d, "device", id, sizeof(id));
	log_warn("PCI device %s in the guest (class %06x, vendor %s, device %s): %s", d->address,
		 d->class, vendor, id, why);
}

static int use(struct device *d, struct err *err)
{
	int r;

	load_driver(d);
	r = uevent_until("@/devices/pci", look_driver, d, DRIVER_MS, err);
	if (r == -ETIMEDOUT) {
		warn_useless(d, "the guest's kernel has no driver for it");
		return 0;
	}
	if (r < 0 || !d->kind->result)
		return r;
	r = uevent_until("add@/devices/", look_result, d, RESULT_MS, err);
	if (r == -ETIMEDOUT) {
		warn_useless(d, "its driver has found nothing in it");
		return 0;
	}
	return r < 0 || strcmp(d->kind->result, "block") != 0 ? r : look_partitions(d, err);
}

static int wait_device(struct device *d, struct err *err)
{
	int r = hotplug_check_port(d->port, err);

	if (r < 0)
		return r;
	r = uevent_until("@/devices/pci", look_device, d, DEVICE_MS, err);
	if (r == -ETIMEDOUT)
		return err_set(err, ENODEV,
			       "the guest has found no PCI device behind port %s after %d ms",
			       d->port, DEVICE_MS);
	return r;
}

int pci_wait_device(const char *port, char ret[PCI_ADDRESS_SIZE], struct err *err)
{
	struct device d = { .port = port };
	int r = wait_device(&d, err);

	if (r >= 0)
		memcpy(ret, d.address, sizeof(d.address));
	return r;
}

int pci_wait(const char *port, struct pci_found *ret, struct err *err)
{
	struct device d = { .port = port };
	int r = wait_device(&d, err);

	if (r >= 0)
		r = use(&d, err);
	if (r < 0) {
		strv_free(d.names);
		return r;
	}
	*ret = (struct pci_found){ d.names ? d.kind->result : NULL, d.names };
	return 0;
}

void pci_found_done(struct pci_found *f)
{
	strv_free(f->names);
	*f = (struct pci_found){ 0 };
}

static bool is_partition(const char *name)
{
	_free_ char *path = str_printf("/sys/class/block/%s/partition", name);

	return path && access(path, F_OK) == 0;
}

int pci_wait_disk(const char *port, int *ret_major, int *ret_minor, struct err *err)
{
	_cleanup_(pci_found_done) struct pci_found found = { 0 };
	size_t n = 0;
	int r = pci_wait(port, &found, err);

	if (r < 0)
		return r;
	for (char **name = found.names; name && *name; name++) {
		if (!found.class || strcmp(found.class, "block") != 0 || is_partition(*name))
			continue;
		r = pci_disk_numbers(*name, ret_major, ret_minor, err);
		if (r < 0 && r != -ENOENT)
			return r;
		n += r >= 0;
	}
	return n == 1 ? 0 :
			err_set(err, ENODEV,
				"the PCI device behind port %s has %zu disks in the guest", port, n);
}

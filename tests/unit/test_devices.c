/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>

#include "devices/device.h"
#include "devices/ports.h"

static int some_fd(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static struct device an_fs(const char *tag)
{
	struct device dev = { .kind = DEVICE_FS, .fs = { .socket = some_fd(), .queue_size = 128 } };

	size_t len = strlen(tag);

	/* One that is too long has no NUL. */
	memcpy(dev.fs.tag, tag, len < sizeof(dev.fs.tag) ? len : sizeof(dev.fs.tag));
	return dev;
}

static struct device a_vsock(uint32_t cid)
{
	return (struct device){ .kind = DEVICE_VSOCK,
				.vsock = { .vhostfd = some_fd(), .cid = cid } };
}

static struct devices *new_devices(unsigned int ports)
{
	struct devices *d = NULL;
	struct err err = { 0 };

	unit_ok(devices_new(ports, &d, &err), &err);
	return d;
}

START_TEST(ports_table)
{
	struct ports p;
	struct err err = { 0 };
	int a, b, c;

	unit_ok(ports_init(&p, 2, &err), &err);
	ck_assert_int_eq(ports_take(&p, &a, &err), 0);
	ck_assert_int_eq(ports_take(&p, &b, &err), 1);
	unit_fails(ports_take(&p, &c, &err), ENOSPC, &err, "all 2 pcie root ports");
	ports_release(&p, &c); /* holds none */
	ports_release(&p, &a);
	ck_assert_int_eq(ports_take(&p, &c, &err), 0);
	ports_done(&p);

	unit_ok(ports_init(&p, 0, &err), &err);
	unit_fails(ports_take(&p, &a, &err), ENOSPC, &err, "all 0");
	ports_done(&p);
}
END_TEST

START_TEST(add_find_remove)
{
	int before = unit_count_fds();
	struct devices *d = new_devices(4);
	struct device fs = an_fs("one"), vs = a_vsock(3), *a, *b;
	struct err err = { 0 };

	unit_ok(devices_add(d, &fs, &a, &err), &err);
	unit_ok(devices_add(d, &vs, &b, &err), &err);
	ck_assert_str_eq(a->id, "fs0");
	ck_assert_str_eq(b->id, "vsock0");
	ck_assert_int_eq(a->port, 0);
	ck_assert_int_eq(b->port, 1);
	ck_assert_ptr_eq(devices_find(d, "fs0"), a);
	ck_assert_ptr_null(devices_find(d, "fs1"));
	devices_remove(d, a);
	ck_assert_ptr_null(devices_find(d, "fs0"));
	ck_assert_int_eq(unit_count_fds(), before + 1);
	devices_free(d);
	ck_assert_int_eq(unit_count_fds(), before);
}
END_TEST

/* The port of a removed device is free again; its id is not. */
START_TEST(reuse)
{
	struct devices *d = new_devices(2);
	struct device one = an_fs("one"), two = an_fs("two"), three = an_fs("three"),
		      again = an_fs("one"), *a, *b;
	struct err err = { 0 };

	unit_ok(devices_add(d, &one, &a, &err), &err);
	unit_ok(devices_add(d, &two, &b, &err), &err);
	devices_remove(d, a);
	unit_ok(devices_add(d, &three, &a, &err), &err);
	ck_assert_int_eq(a->port, 0);
	ck_assert_str_eq(a->id, "fs2");
	devices_remove(d, b);
	/* The tag too. */
	unit_ok(devices_add(d, &again, &b, &err), &err);
	ck_assert_int_eq(b->port, 1);
	ck_assert_str_eq(b->id, "fs3");
	devices_free(d);
}
END_TEST

START_TEST(exhaustion_rolls_back)
{
	int before = unit_count_fds();
	struct devices *d = new_devices(3);
	struct device *dev[3], *none = NULL;
	char tag[16];
	struct err err = { 0 };

	for (int i = 0; i < 3; i++) {
		snprintf(tag, sizeof(tag), "t%d", i);
		struct device fs = an_fs(tag);

		unit_ok(devices_add(d, &fs, &dev[i], &err), &err);
	}
	for (int i = 0; i < 5; i++) {
		struct device fs = an_fs("more");

		unit_fails(
			devices_add(d, &fs, &none, &err), ENOSPC, &err,
			"cannot add a fs device: all 3 pcie root ports are in use (pcie_root_port");
		ck_assert_ptr_null(none);
	}
	/* What was refused is closed, and holds neither port nor tag. */
	ck_assert_int_eq(unit_count_fds(), before + 3);
	devices_remove(d, dev[1]);
	struct device fs = an_fs("more");

	unit_ok(devices_add(d, &fs, &none, &err), &err);
	ck_assert_int_eq(none->port, 1);
	devices_free(d);
	ck_assert_int_eq(unit_count_fds(), before);
}
END_TEST

static void refused(struct devices *d, struct device dev, int code, const char *text)
{
	int before = unit_count_fds();
	struct device *ret = NULL;
	struct err err = { 0 };

	unit_fails(devices_add(d, &dev, &ret, &err), code, &err, text);
	ck_assert_ptr_null(ret);
	ck_assert_int_eq(unit_count_fds(), before - (code == EBADF ? 0 : 1));
}

START_TEST(bad_devices)
{
	struct devices *d = new_devices(8);
	struct device dev = an_fs("used"), *ret;
	struct err err = { 0 };
	static const uint32_t sizes[] = { 0, 1, 3, 127, 1025, 2048, UINT32_MAX };

	unit_ok(devices_add(d, &dev, &ret, &err), &err);
	refused(d, an_fs("used"), EEXIST, "tag 'used' is in use");
	refused(d, an_fs(""), EINVAL, "1 to 36 bytes");
	refused(d, an_fs("0123456789012345678901234567890123456"), EINVAL, "1 to 36 bytes");
	refused(d, an_fs("a b"), EINVAL, "printable");
	refused(d, an_fs("a\xc3\xa4"), EINVAL, "printable");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		dev = an_fs("x");
		dev.fs.queue_size = sizes[i];
		refused(d, dev, EINVAL, "power of two");
	}
	dev = an_fs("x");
	close(dev.fs.socket);
	dev.fs.socket = -EBADF;
	refused(d, dev, EBADF, "without a socket");
	for (uint32_t cid = 0; cid < 3; cid++)
		refused(d, a_vsock(cid), EINVAL, "reserved");
	refused(d, a_vsock(UINT32_MAX), EINVAL, "reserved");
	dev = a_vsock(77);
	unit_ok(devices_add(d, &dev, &ret, &err), &err);
	refused(d, a_vsock(78), EEXIST, "one vsock device");
	dev = (struct device){ .kind = (enum device_kind)99 };
	unit_fails(devices_add(d, &dev, &ret, &err), EINVAL, &err, "unknown kind");
	/* Ports are held by the two good ones only. */
	dev = an_fs("0123456789012345678901234567890123.-");
	unit_ok(devices_add(d, &dev, &ret, &err), &err);
	ck_assert_int_eq(ret->port, 2);
	devices_free(d);
}
END_TEST

START_TEST(close_once)
{
	int before = unit_count_fds();
	struct devices *d = new_devices(1);
	struct device fs = an_fs("x"), *dev;
	struct err err = { 0 };

	unit_ok(devices_add(d, &fs, &dev, &err), &err);
	device_close(dev);
	ck_assert_int_lt(dev->fs.socket, 0);
	device_close(dev);
	ck_assert_int_eq(unit_count_fds(), before);
	devices_free(d);
	devices_free(NULL);
}
END_TEST

UNIT_MAIN("devices", ports_table, add_find_remove, reuse, exhaustion_rolls_back, bad_devices,
	  close_once)

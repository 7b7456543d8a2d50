/* SPDX-License-Identifier: Apache-2.0 */
/* Requests about the guest as a whole. */
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/container.h"
#include "agent/modules.h"
#include "agent/network.h"
#include "agent/resize.h"
#include "agent/server.h"
#include "agent/settle.h"
#include "agent/trim.h"
#include "agent/uevent.h"
#include "agent/volume.h"
#include "base/cleanup.h"
#include "base/json.h"

#define SHARE_DIR "/run/moat/share"
#define ENTROPY_MAX 512
#define SHARE_TIMEOUT_MS 8000
#define SETTLE_MS 5000
#define BALLOON_MS 3000

static int set_time(const json_t *params, struct err *err)
{
	int64_t ns;

	if (js_i64(json_object_get(params, "time_ns"), &ns) < 0 || ns < 0)
		return err_set(err, EINVAL, "time_ns: a number is required");
	struct timespec ts = { .tv_sec = (time_t)(ns / 1000000000),
			       .tv_nsec = (long)(ns % 1000000000) };
	return clock_settime(CLOCK_REALTIME, &ts) < 0 ? err_errno(err, errno, "set the time") : 0;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int decode_hex(const char *hex, uint8_t *out, size_t size)
{
	size_t n = 0;

	for (; hex[0]; hex += 2, n++) {
		int high = hex_digit(hex[0]), low = hex[1] ? hex_digit(hex[1]) : -1;

		if (high < 0 || low < 0 || n == size)
			return -EINVAL;
		out[n] = (uint8_t)(high << 4 | low);
	}
	return (int)n;
}

/* Two guests made from one template draw the same numbers until this was done. */
static int add_entropy(const json_t *params, struct err *err)
{
	struct {
		struct rand_pool_info info;
		uint8_t data[ENTROPY_MAX];
	} pool = { 0 };
	const char *hex = server_str(params, "entropy", err);
	int n = hex ? decode_hex(hex, pool.data, sizeof(pool.data)) : -EINVAL;

	if (n < 0)
		return err_set(err, EINVAL,
			       "entropy: up to %d bytes in hexadecimal digits are required",
			       ENTROPY_MAX);
	pool.info.entropy_count = n * 8;
	pool.info.buf_size = n;
	_close_ int fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, RNDADDENTROPY, &pool) < 0 || ioctl(fd, RNDRESEEDCRNG) < 0)
		return err_errno(err, errno, "add entropy");
	explicit_bzero(&pool, sizeof(pool));
	return 0;
}

static int loopback_up(struct agent *a, struct err *err)
{
	int r = a->loopback ? 0 : network_loopback(err);

	a->loopback = r >= 0;
	return r;
}

/* -ENOENT while there is no device with that tag: it was plugged in moments ago if this guest was restored. */
static int try_mount(void *tag, struct err *err)
{
	/* No flags: the containers' roots are copies of this mount, and set-user-ID programs are to work in them. */
	if (mount(tag, SHARE_DIR, "virtiofs", 0, NULL) == 0)
		return 0;
	return errno == EINVAL ? -ENOENT : err_errno(err, errno, "mount share \"%s\"", (char *)tag);
}

static int mount_share(struct agent *a, const json_t *params, struct err *err)
{
	const char *tag = js_get_str(params, "share");
	int r;

	if (!tag)
		return err_set(err, EINVAL, "share: a string is required");
	if (!*tag)
		return 0;
	if (a->share_dir)
		return err_set(err, EBUSY, "share: there is one already");
	r = uevent_until("/virtio", try_mount, (void *)tag, SHARE_TIMEOUT_MS, err);
	if (r == -ETIMEDOUT)
		return err_set(err, ENODEV, "no virtio-fs device with the tag \"%s\" after %d ms",
			       tag, SHARE_TIMEOUT_MS);
	if (r >= 0)
		a->share_dir = SHARE_DIR;
	return r;
}

/* Nothing is lost if it comes late, and what starts is not to wait for it. */
static void on_balloon_timer(struct loop_source *src, void *data)
{
	modules_load("balloon");
}

int sandbox_setup(struct agent *a, const struct pending *asked, const json_t *params,
		  json_t **ret_result, struct err *err)
{
	const char *hostname = js_get_str(params, "hostname");
	int r;

	if (!hostname)
		return err_set(err, EINVAL, "hostname: a string is required");
	if (a->test)
		return 0;
	if ((r = set_time(params, err)) < 0 || (r = add_entropy(params, err)) < 0)
		return r;
	if (*hostname && sethostname(hostname, strlen(hostname)) < 0)
		return err_errno(err, errno, "hostname \"%s\"", hostname);
	r = mount_share(a, params, err);
	if (r >= 0)
		r = loopback_up(a, err);
	if (r >= 0 && !a->balloon && !a->prepared)
		a->balloon = loop_add_timer(a->loop, BALLOON_MS, on_balloon_timer, a, NULL);
	return r;
}

int sandbox_network(struct agent *a, const struct pending *asked, const json_t *params,
		    json_t **ret_result, struct err *err)
{
	const struct container *c = container_param(a, params, err);

	(void)asked;
	(void)ret_result;
	if (!c)
		return -ENOENT;
	return a->test ? 0 : network_configure(a, params, c->netns, err);
}

int sandbox_resize(struct agent *a, const struct pending *asked, const json_t *params,
		   json_t **ret_result, struct err *err)
{
	(void)asked;
	(void)ret_result;
	return a->test ? 0 : resize_to(a, params, err);
}

int sandbox_prepare(struct agent *a, const struct pending *asked, const json_t *params,
		    json_t **ret_result, struct err *err)
{
	int r;

	if (a->test)
		return 0;
	r = loopback_up(a, err);
	if (r < 0)
		return r;
	a->prepared = true;
	modules_load("balloon");
	resize_prepare();
	settle(SETTLE_MS);
	trim_memory();
	return 0;
}

int sandbox_shutdown(struct agent *a, const struct pending *asked, const json_t *params,
		     json_t **ret_result, struct err *err)
{
	struct pending now = *asked;

	/* The VM may be gone as soon as the host has the answer: what is on disks has to be whole by then. */
	container_kill_all(a);
	for (struct container *c = a->containers; c; c = c->next) {
		if (container_is_empty(c))
			volumes_free(take_ptr(c->volumes));
		else
			volumes_freeze(c->volumes);
	}
	/* The host wants to know that it was understood before the channel goes. */
	server_result(a, &now, json_object());
	a->shutting_down = true;
	if (wire_conn_queued(a->conn) == 0)
		sandbox_end(a);
	return SERVER_LATER;
}

void sandbox_end(struct agent *a)
{
	if (!a->test) {
		kill(-1, SIGKILL);
		sync();
		umount2(SHARE_DIR, MNT_DETACH);
	}
	agent_end(a);
}

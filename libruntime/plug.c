/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/plug.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/log.h"
#include "base/sock.h"
#include "libruntime/monitor_client.h"
#include "libruntime/plug_relay.h"
#include "wire/message.h"

#define UNPLUG_MS 35000 /* native PCIe hot-plug takes six seconds, and has its own limit */
#define KEPT_MAX 3 /* then the guest, or the monitor, is taken for one that hangs */
#define RETRIES 400 /* of 50 ms, while a killed command's device is still on its way in */

static int take_text(const json_t *o, const char *key, char *ret, size_t size)
{
	const char *s = js_get_str(o, key);

	if (!s || !*s || strlen(s) >= size)
		return -EPROTO;
	memcpy(ret, s, strlen(s) + 1);
	return 0;
}

static bool has_relay(const struct vm_device *v)
{
	return v->reconnect && (strcmp(v->kind, VM_DEVICE_VHOST_BLK) == 0 ||
				strcmp(v->kind, VM_DEVICE_VHOST_SCSI) == 0);
}

int plug_tagged(int dir, const char *id, const char *tag, const struct vm_device *v, int fd,
		int timeout_ms, struct plugged *ret, struct err *err)
{
	_close_ int sock = sock_connect_at(dir, MONITOR_SOCKET, err);
	_json_ json_t *params = vm_device_to_json(v), *result = NULL;
	_close_ int listener = -EBADF;
	struct plugged p = {};
	int r;

	if (sock < 0)
		return sock;
	if (has_relay(v)) {
		fd = listener = plug_relay_start(dir, sock, v, fd, err);
		if (fd < 0)
			return fd;
	}
	if (!params || json_object_set_new(params, "id", json_string(id)) < 0 ||
	    (tag && json_object_set_new(params, "tag", json_string(tag)) < 0))
		return err_errno(err, ENOMEM, "plug");
	r = wire_call_fd(sock, "plug", params, fd, timeout_ms, &result, err);
	if (r < 0)
		return r;
	if (take_text(result, "device", p.device, sizeof(p.device)) < 0 ||
	    take_text(result, "port", p.port, sizeof(p.port)) < 0)
		return err_set(err, EPROTO, "plug: no port");
	*ret = p;
	return 0;
}

int plug(int dir, const char *id, const struct vm_device *v, int fd, int timeout_ms,
	 struct plugged *ret, struct err *err)
{
	return plug_tagged(dir, id, NULL, v, fd, timeout_ms, ret, err);
}

int plug_out_tagged(int dir, const char *id, const char *tag, struct err *err)
{
	const struct timespec pause = { .tv_nsec = 50000000 };
	struct err why = {};
	int r = -EBUSY;

	for (int tries = 0; r == -EBUSY && tries < RETRIES; tries++) {
		_json_ json_t *params = json_pack("{s:s, s:s}", "id", id, "tag", tag);

		if (tries > 0)
			nanosleep(&pause, NULL);
		r = monitor_request(dir, "unplug", params, UNPLUG_MS, NULL, &why);
	}
	if (r >= 0 || r == -ENOENT || r == -ESRCH)
		return 0;
	return err_set(err, -r, "%s", why.msg);
}

void plug_out(int dir, const char *device)
{
	_json_ json_t *params = json_pack("{s:s}", "device", device);
	struct err err = {};

	if (monitor_request(dir, "unplug", params, UNPLUG_MS, NULL, &err) < 0)
		log_warn("unplug %s: %s", device, err.msg);
}

void plug_out_all(int dir, const char *id)
{
	const struct timespec pause = { .tv_nsec = 50000000 };
	struct err err = {};
	int tries = 0, kept = 0, r = 0;

	/* Until there are no more of them, or no virtual machine. One that the guest keeps is left there, the next one is asked for. */
	while (r != -ENOENT && r != -ESRCH && tries < RETRIES && kept < KEPT_MAX) {
		_json_ json_t *params = json_pack("{s:s}", "id", id);

		r = monitor_request(dir, "unplug", params, UNPLUG_MS, NULL, &err);
		if (r == -EBUSY) {
			tries++;
			nanosleep(&pause, NULL);
		} else if (r < 0 && r != -ENOENT && r != -ESRCH) {
			kept++;
			log_warn("unplug a device of %s: %s", id, err.msg);
		}
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/sdbus.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "wire/message.h"

#define LIBRARY "libsystemd.so.0"
#define MILLISECOND 1000 /* in microseconds */
#define TEXT_MAX 512

struct sdbus_functions sdbus;

const struct sdbus_at sdbus_system = { "/run/dbus/system_bus_socket", 60000 };

/* ---- the library ---- */

int sdbus_load(const char *library, struct sdbus_functions *ret, struct err *err)
{
#define NAME(name) "sd_bus_" #name,
	static const char *const names[] = { SDBUS_FUNCTIONS(NAME) };
#undef NAME
	void *functions[ARRAY_SIZE(names)];
	void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);

	_Static_assert(sizeof(*ret) == sizeof(functions), "functions and nothing else");
	if (!handle)
		return err_set(
			err, ENOTSUP,
			"systemd is asked by means of libsystemd (Debian's package libsystemd0, Fedora's systemd-libs): %s",
			dlerror());
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		functions[i] = dlsym(handle, names[i]);
		if (!functions[i]) {
			dlclose(handle);
			return err_set(err, ENOTSUP,
				       "%s has no %s: 241 or a later version is needed", library,
				       names[i]);
		}
	}
	memcpy(ret, functions, sizeof(functions));
	return 0;
}

static int load_once(struct err *err)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static bool loaded;
	int r = 0;

	pthread_mutex_lock(&lock);
	if (!loaded)
		r = sdbus_load(LIBRARY, &sdbus, err);
	loaded = r >= 0;
	pthread_mutex_unlock(&lock);
	return r;
}

/* ---- the deadline ---- */

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 * MILLISECOND + (uint64_t)t.tv_nsec / 1000;
}

static int failed(int r, struct err *err)
{
	return r == -ETIMEDOUT ? err_set(err, ETIMEDOUT, "no answer from the system bus in time") :
				 err_errno(err, -r, "the system bus");
}

/* *ret: microseconds that are left, never 0. */
static int time_left(const struct sdbus_connection *c, uint64_t *ret)
{
	uint64_t t = now();

	if (t >= c->deadline)
		return -ETIMEDOUT;
	*ret = c->deadline - t;
	return 0;
}

/* ---- a connection ---- */

static int start(const char *socket, sd_bus **ret, struct err *err)
{
	/* Not sd_bus_open_system(), which asks the environment where that is. */
	_free_ char *address = str_printf("unix:path=%s", socket);
	int r = address ? sdbus.new(ret) : -ENOMEM;

	if (r >= 0)
		r = sdbus.set_address(*ret, address);
	if (r >= 0)
		r = sdbus.set_bus_client(*ret, true);
	if (r >= 0)
		r = sdbus.start(*ret);
	return r < 0 ? err_errno(err, -r, "connect to the system bus %s", socket) : 0;
}

int sdbus_open(const struct sdbus_at *at, struct sdbus_connection *ret, struct err *err)
{
	_cleanup_(sdbus_done) struct sdbus_connection c = {};
	int r = load_once(err);

	if (r < 0)
		return r;
	c.deadline = now() + (uint64_t)at->timeout_ms * MILLISECOND;
	r = start(at->socket, &c.bus, err);
	if (r < 0)
		return r;
	while ((r = sdbus.is_ready(c.bus)) == 0) {
		r = sdbus_turn(&c, err);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return failed(r, err);
	*ret = c;
	c.bus = NULL;
	return 0;
}

void sdbus_done(struct sdbus_connection *c)
{
	if (c->bus)
		c->bus = sdbus.close_unref(c->bus);
}

int sdbus_match(struct sdbus_connection *c, const char *sender, const char *path,
		const char *interface, const char *member, sd_bus_message_handler_t fn, void *data,
		struct err *err)
{
	uint64_t left;
	int r = time_left(c, &left);

	if (r >= 0)
		r = sdbus.set_method_call_timeout(c->bus, left);
	if (r >= 0)
		r = sdbus.match_signal(c->bus, NULL, sender, path, interface, member, fn, data);
	return r < 0 ? failed(r, err) : 0;
}

/* e is of a reply, or of sd-bus itself for what it could not do. */
static int refused(struct sdbus_connection *c, int r, const sd_bus_error *e, struct err *err)
{
	char text[TEXT_MAX] = "";
	uint64_t left;

	if (!e->name || time_left(c, &left) < 0)
		return failed(r, err);
	wire_clean_text(c->error, sizeof(c->error), e->name);
	if (e->message)
		wire_clean_text(text, sizeof(text), e->message);
	return err_set(err, EREMOTEIO, "%s%s%s", c->error, *text ? ": " : "", text);
}

int sdbus_call(struct sdbus_connection *c, sd_bus_message *m, sd_bus_message **ret, struct err *err)
{
	sd_bus_error e = SD_BUS_ERROR_NULL;
	uint64_t left;
	int r = time_left(c, &left);

	c->error[0] = '\0';
	if (r >= 0)
		r = sdbus.call(c->bus, m, left, &e, ret);
	if (r < 0)
		(void)refused(c, r, &e, err);
	sdbus.error_free(&e);
	return r < 0 ? err_wrap(err, "%s", sdbus.message_get_member(m)) : 0;
}

int sdbus_turn(struct sdbus_connection *c, struct err *err)
{
	uint64_t left;
	int r = time_left(c, &left);

	if (r >= 0)
		r = sdbus.process(c->bus, NULL);
	if (r == 0)
		r = sdbus.wait(c->bus, left);
	return r < 0 && r != -EINTR ? failed(r, err) : 0;
}

void sdbus_message_done(sd_bus_message **m)
{
	if (*m)
		*m = sdbus.message_unref(*m);
}

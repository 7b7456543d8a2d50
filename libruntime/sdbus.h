/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system bus through sd-bus of libsystemd, which is loaded when it is first needed: other commands do not pay for it, a host without
 * systemd needs none, and what is linked with libmoat.a links nothing more. A connection is for one thing to be done, belongs to
 * one thread, and has a deadline for all of it. Texts from the bus are cleaned before they are in messages.
 * Sources: sd-bus(3), sd_bus_call(3), sd_bus_process(3).
 */
#ifndef MOAT_LIBRUNTIME_SDBUS_H
#define MOAT_LIBRUNTIME_SDBUS_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#include "base/err.h"

/* What is used of it, without "sd_bus_" in front; libsystemd has had all of them since 241. */
#define SDBUS_FUNCTIONS(X)         \
	X(new)                     \
	X(set_address)             \
	X(set_bus_client)          \
	X(set_method_call_timeout) \
	X(start)                   \
	X(is_ready)                \
	X(process)                 \
	X(wait)                    \
	X(close_unref)             \
	X(match_signal)            \
	X(call)                    \
	X(error_free)              \
	X(message_new_method_call) \
	X(message_append)          \
	X(message_append_array)    \
	X(message_open_container)  \
	X(message_close_container) \
	X(message_read)            \
	X(message_get_member)      \
	X(message_get_sender)      \
	X(message_unref)

struct sdbus_functions {
#define SDBUS_MEMBER(name) typeof(sd_bus_##name) *(name);
	SDBUS_FUNCTIONS(SDBUS_MEMBER)
#undef SDBUS_MEMBER
};

/* Filled by the first sdbus_open() that succeeds, of whichever thread. */
extern struct sdbus_functions sdbus;

struct sdbus_at {
	const char *socket; /* whose path has no characters but those of [-0-9A-Za-z_/.] */
	unsigned int timeout_ms; /* for all that is done with a connection */
};

extern const struct sdbus_at sdbus_system; /* the system bus, a minute */

struct sdbus_connection {
	sd_bus *bus;
	uint64_t deadline; /* microseconds, CLOCK_MONOTONIC */
	char error[256]; /* the name of the last error reply, such as org.freedesktop.DBus.Error.Failed; or "" */
};

/* Connects, authenticates, says hello. Here and below: -ETIMEDOUT at the deadline. -ENOTSUP: there is no libsystemd. */
int sdbus_open(const struct sdbus_at *at, struct sdbus_connection *ret, struct err *err);
void sdbus_done(struct sdbus_connection *c);

/*
 * From then on fn gets, in sdbus_turn(), the signals of that name. Of those for everybody the bus passes on sender's only; but each local user
 * may send us one directly, and sd-bus does not compare a name such as org.freedesktop.systemd1 with the unique one of who
 * has sent it: fn has to look at that.
 */
int sdbus_match(struct sdbus_connection *c, const char *sender, const char *path,
		const char *interface, const char *member, sd_bus_message_handler_t fn, void *data,
		struct err *err);
/* Waits for the answer; *ret (may be NULL) is the caller's. An error reply is -EREMOTEIO with its name and text. */
int sdbus_call(struct sdbus_connection *c, sd_bus_message *m, sd_bus_message **ret, struct err *err);
/* Handles one message that has come, or waits for some. */
int sdbus_turn(struct sdbus_connection *c, struct err *err);

/* For _cleanup_; declared after the connection. */
void sdbus_message_done(sd_bus_message **m);

/* ---- its parts, for tests ---- */

/* -ENOTSUP: there is no such library, or it lacks a function. It stays loaded. */
int sdbus_load(const char *library, struct sdbus_functions *ret, struct err *err);

#endif

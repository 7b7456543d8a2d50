/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that come into a virtual machine while it is up, and leave it. dir: a state directory with its monitor.sock. */
#ifndef MOAT_LIBRUNTIME_PLUG_H
#define MOAT_LIBRUNTIME_PLUG_H

#include "base/err.h"
#include "wire/vm_setup.h"

struct plugged {
	char device[32]; /* the monitor's name for it */
	char port[16]; /* its place in the guest */
};

/* fd is borrowed, -EBADF for VFIO. One that is to be connected again (v->reconnect) gets a relay. id: the container that it is for, known to the monitor, so that plug_out_all() finds it. */
int plug(int dir, const char *id, const struct vm_device *v, int fd, int timeout_ms,
	 struct plugged *ret, struct err *err);
/* The same with a name of the caller's, under which plug_out_tagged() finds it, also if what became of this is not known. tag NULL: none. */
int plug_tagged(int dir, const char *id, const char *tag, const struct vm_device *v, int fd,
		int timeout_ms, struct plugged *ret, struct err *err);
/* 0 also if there is none, or no virtual machine; else why the guest keeps it. */
int plug_out_tagged(int dir, const char *id, const char *tag, struct err *err);
/* Failures are only logged: a guest that does not let go of a device keeps it until it ends. */
void plug_out(int dir, const char *device);
void plug_out_all(int dir, const char *id);

#endif

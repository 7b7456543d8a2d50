/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections to vhost-user targets that come back after a target was restarted (vhost_user_reconnect_timeout_sec). QEMU cannot make
 * them, since its uid may not connect to a socket of root's, and takes no other socket in place of one that has ended, unless it is
 * the side that listens. So it listens, and a small process for each such device connects the
 * two: it passes on the messages of the protocol with their descriptors, while disk and guest share memory and event
 * descriptors as ever. When the target goes, it lets go of QEMU, tries the target again and again, and connects QEMU
 * when that is there.
 *
 * For disks QEMU gets the listening socket by descriptor. For a network it wants to have made the socket itself ("does not support FD
 * passing"), which it does in a directory of its own in the jail; so networks always have a relay, also without reconnecting.
 *
 * The monitor starts those of the devices that a VM is set up with; of a disk that is plugged in later the command does, since in
 * its jail the monitor finds no target (libruntime/plug_relay.c).
 *
 *   relay.c                that process: the program moat-monitor with the argument "relay"
 *   relay_start.c          the monitor's side
 *   devices/vhost_relay.c  what both who start one do
 */
#ifndef MOAT_MONITOR_RELAY_H
#define MOAT_MONITOR_RELAY_H

#include "monitor/client.h"

/* Starts those that the setup asks for; before the jail, in which there is no target. */
int relays_start(struct monitor *m, struct err *err);
/* Gives those for networks the directory with QEMU's sockets; in the jail. */
int relays_enter_jail(struct monitor *m, struct err *err);
/* The socket to listen at for a device of the setup (the caller's from then on), or -ENOENT: it has no relay. */
int relay_take_listener(struct monitor *m, size_t device);

/* Logs what a relay that a command has started says by the descriptor that comes with the request. 1, as others of verbs.c. */
int relay_log_request(struct client *c, uint32_t id, json_t *params, struct err *err);

/*
 * name: of QEMU's socket in the directory that it is given; "": it makes one itself. Does not return before QEMU, or the monitor, is gone, or the
 * target if seconds is 0. Returns the exit status.
 */
int relay_main(const char *target_path, const char *seconds_text, const char *name);

/* One message of the protocol, with its descriptors, from one socket to the other. 1; 0: `from` has ended; -errno, *bad is the socket that it is about. */
int relay_message(int from, int to, int *bad);

#endif

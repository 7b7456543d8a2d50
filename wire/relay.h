/* SPDX-License-Identifier: Apache-2.0 */
/* How a relay (monitor/relay.h) is started: moat-monitor with the arguments RELAY_WORD, target, seconds, name, as relay_main() has them, and these descriptors. */
#ifndef MOAT_WIRE_RELAY_H
#define MOAT_WIRE_RELAY_H

#define RELAY_WORD "relay"
enum {
	RELAY_FD_TARGET = 3, /* the first connection */
	RELAY_FD_STARTER = 4, /* a socket: gets the listening one, or gives the directory with QEMU's */
	RELAY_FD_LIFE = 5, /* pidfd of the monitor, without which there is nothing to be relayed */
	RELAY_FD_END
};

#endif

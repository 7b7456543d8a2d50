/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel modules of the guest image: /lib/modules/moat/order, and order.d/<group> for what is needed later. */
#ifndef MOAT_AGENT_MODULES_H
#define MOAT_AGENT_MODULES_H

/* Loads a group in its order; NULL: the boot group. What is missing or fails is logged only. */
void modules_load(const char *group);

#endif

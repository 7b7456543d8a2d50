/* SPDX-License-Identifier: Apache-2.0 */
/* A backend's own copy of struct hv_config. */
#ifndef MOAT_HYPERVISOR_HV_CONFIG_H
#define MOAT_HYPERVISOR_HV_CONFIG_H

#include "hypervisor/hv.h"

/* Deep copy; *ret is for hv_config_done(), untouched on failure. */
int hv_config_copy(const struct hv_config *cfg, struct hv_config *ret, struct err *err);
void hv_config_done(struct hv_config *cfg);

#endif

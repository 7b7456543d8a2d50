/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frequency of the host's time stamp counter. Under TCG the guest's TSC is the host's, but
 * its calibration against the emulated PIT fails on a busy host and the guest then hangs in
 * calibrate_delay; the kernel parameter tsc_early_khz spares it (kernel-parameters.txt).
 */
#ifndef MOAT_HYPERVISOR_TSC_H
#define MOAT_HYPERVISOR_TSC_H

#include <stdint.h>

/* Early, so that tsc_khz() finds enough time passed. */
void tsc_begin(void);
/* kHz, or 0 where there is no such counter. Waits until 5 ms have passed since tsc_begin() unless the CPU tells. */
uint32_t tsc_khz(void);

#endif

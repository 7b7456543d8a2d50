/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two programs have the name virtiofsd: QEMU's former C one (options by -o) and the
 * Rust one (https://gitlab.com/virtio-fs/virtiofsd). Which one it is is read from the file itself.
 */
#ifndef MOAT_CONFIG_VIRTIOFSD_H
#define MOAT_CONFIG_VIRTIOFSD_H

#include "base/err.h"

enum virtiofsd_kind { VIRTIOFSD_C, VIRTIOFSD_RUST };

int virtiofsd_probe(const char *path, enum virtiofsd_kind *ret, struct err *err);

#endif

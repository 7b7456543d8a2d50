/* SPDX-License-Identifier: Apache-2.0 */
/* An ordered list of checks of a decoded configuration; the first that fails names the field. */
#ifndef MOAT_OCI_VALIDATE_H
#define MOAT_OCI_VALIDATE_H

#include "oci/config.h"

int oci_config_validate(const struct oci_config *c, struct err *err);
int oci_process_validate(const struct oci_process *p, const char *path, struct err *err);

/* Container ids: 1 to 1024 bytes of [A-Za-z0-9_+-.], not "." or ".." (runc's rule); messages in runc's words. */
int oci_id_validate(const char *id, struct err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The config.json that `moat spec` writes: it runs as it is. */
#ifndef MOAT_OCI_SPEC_H
#define MOAT_OCI_SPEC_H

#include <jansson.h>

json_t *oci_spec_template(void);

#endif

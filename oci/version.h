/* SPDX-License-Identifier: Apache-2.0 */
/* Versions of the runtime specification: semantic versions (semver.org 2.0.0). */
#ifndef MOAT_OCI_VERSION_H
#define MOAT_OCI_VERSION_H

/* The major number of a complete, well-formed version ("1.0.0-rc2-dev"); 0 or -EINVAL. */
int oci_version_major(const char *version, unsigned int *ret);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Names that the specification uses for numbers of the kernel, shared by validation, `features` and the agent. */
#ifndef MOAT_OCI_NAMES_H
#define MOAT_OCI_NAMES_H

/* Capability number of "CAP_CHOWN", or -1. */
int oci_cap_number(const char *name);
/* All capabilities, indexed by number, NULL-terminated. */
extern const char *const oci_cap_names[];

/* RLIMIT_* of "RLIMIT_NOFILE", or -1. All are below OCI_N_RLIMITS. */
int oci_rlimit_number(const char *name);
#define OCI_N_RLIMITS 16

/* CLONE_NEW* of a namespace type of config.json ("network"), or 0. */
unsigned long oci_namespace_flag(const char *type);
/* All namespace types, sorted, NULL-terminated. */
extern const char *const oci_namespace_types[];

/* MS_* (with MS_REC for the r* words) of "rslave" and its like, or 0. */
unsigned long oci_propagation_flag(const char *word);

#endif

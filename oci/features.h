/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The features document (runtime-spec 1.2 features.md). Nothing is listed twice: names come from the tables that
 * decode and apply config.json, less what oci/warnings.c knows as not applied.
 */
#ifndef MOAT_OCI_FEATURES_H
#define MOAT_OCI_FEATURES_H

#include <jansson.h>

/* A fresh object; annotations (taken, may be NULL) are the program's own. NULL without memory. */
json_t *oci_features(json_t *annotations);

#endif

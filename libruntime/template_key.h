/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a template is made of: everything that shapes the memory and the device state of a
 * VM just after its boot. One ingredient changed is another template, under another key.
 */
#ifndef MOAT_LIBRUNTIME_TEMPLATE_KEY_H
#define MOAT_LIBRUNTIME_TEMPLATE_KEY_H

#include "base/err.h"
#include "wire/vm_setup.h"

#define TEMPLATE_KEY_SIZE 33 /* 32 hexadecimal digits and a NUL */
#define TEMPLATE_FILE_ID_SIZE 128

/*
 * A file as it is now: device, inode, size, and times to the nanosecond. Whatever writes, replaces or touches it
 * changes that; reading its contents would take longer than starting from the template. -errno if it is not there.
 */
int template_file_id(const char *path, char ret[TEMPLATE_FILE_ID_SIZE]);
/* Errors name the file that cannot be looked at. */
int template_key(const struct vm_setup *s, char ret[TEMPLATE_KEY_SIZE], struct err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/caps.h"

#include <linux/capability.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "oci/names.h"

int caps_last(void)
{
	static int last = -1;

	if (last < 0)
		while (last < 63 && prctl(PR_CAPBSET_READ, last + 1, 0, 0, 0) >= 0)
			last++;
	return last;
}

static uint64_t parse_set(char *const *names)
{
	uint64_t set = 0;

	for (size_t i = 0; names && names[i]; i++) {
		int n = oci_cap_number(names[i]);

		/* Names that nobody knows were already warned about with their path. */
		if (n > caps_last())
			log_warn("capability \"%s\" is unknown to this kernel and ignored",
				 names[i]);
		else if (n >= 0)
			set |= 1ULL << n;
	}
	return set;
}

void caps_parse(const struct oci_caps *oci, struct caps *ret)
{
	*ret = (struct caps){ 0 };
	if (!oci)
		return;
	ret->bounding = parse_set(oci->bounding);
	ret->effective = parse_set(oci->effective);
	ret->inheritable = parse_set(oci->inheritable);
	ret->permitted = parse_set(oci->permitted);
	ret->ambient = parse_set(oci->ambient);
}

int caps_apply_bounding(const struct caps *c, struct err *err)
{
	for (int i = 0; i <= caps_last(); i++) {
		if (c->bounding & (1ULL << i) || prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 0)
			continue;
		if (prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0)
			return err_errno(err, errno, "drop %s from the bounding set",
					 oci_cap_names[i]);
	}
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return err_errno(err, errno, "set keep caps");
	return 0;
}

int caps_apply(const struct caps *c, struct err *err)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	for (int i = 0; i < 2; i++) {
		data[i].effective = (uint32_t)(c->effective >> (32 * i));
		data[i].permitted = (uint32_t)(c->permitted >> (32 * i));
		data[i].inheritable = (uint32_t)(c->inheritable >> (32 * i));
	}
	if (syscall(SYS_capset, &head, data) < 0)
		return err_errno(err, errno, "apply capabilities");
	if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
		return err_errno(err, errno, "clear keep caps");
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return err_errno(err, errno, "clear the ambient set");
	for (int i = 0; i <= caps_last(); i++) {
		/* The kernel refuses what is not permitted and inheritable; runc's own template asks for that, and runc goes on. */
		if (c->ambient & (1ULL << i) &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0) < 0 && errno != EPERM)
			return err_errno(err, errno, "raise %s in the ambient set",
					 oci_cap_names[i]);
	}
	return 0;
}

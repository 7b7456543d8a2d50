/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MOAT_TESTS_AGENT_CHECKS_H
#define MOAT_TESTS_AGENT_CHECKS_H

#include "tests/tools/agent_client.h"

struct drive {
	struct client client;
	const char *share; /* as the host sees it */
	bool vm; /* a real guest: cgroups and all capabilities are there */
	bool cgroups;
	int checks, failures;
	const char *only; /* substring of the names to run */
	bool bench;
};

void checks_run(struct drive *d);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Which name server a resolv.conf names that is on the host's side of a container. */
#include "libruntime/resolver.h"

#include <arpa/inet.h>

#include "base/cleanup.h"
#include "tests/unit/unit.h"

static const struct {
	const char *text, *address; /* NULL: none */
} rows[] = {
	{ "", NULL },
	{ "nameserver", NULL },
	{ "nameserver ", NULL },
	{ "nameserver\n127.0.0.11\n", NULL },
	{ "nameserver 127.0.0.11", "127.0.0.11" },
	{ "search a.b\nnameserver 127.0.0.11\noptions ndots:0\n", "127.0.0.11" },
	{ "nameserver \t 127.0.0.11 # Docker's\n", "127.0.0.11" },
	{ "nameserver 10.0.0.1\nnameserver 127.0.0.53\nnameserver 127.0.0.54\n", "127.0.0.53" },
	{ "nameserver 127.0.0.1\n", NULL },
	{ "nameserver 127.255.0.1", "127.255.0.1" },
	{ "nameserver 128.0.0.11\nnameserver ::1\n", NULL },
	{ "nameserver 127.0.0.11.5\n", NULL },
	{ "nameserver 127.0.0.0000000000000000011\n", NULL },
	{ "nameserver 127.0.0.256\n", NULL },
	{ "nameserver127.0.0.11\n", NULL },
	{ "#nameserver 127.0.0.11\n; nameserver 127.0.0.11\n", NULL },
	{ " nameserver 127.0.0.11\n", NULL },
	{ "nameservers 127.0.0.11\n", NULL },
};

START_TEST(finds_the_server)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct in_addr a = { 0 };
		bool found = resolver_find(rows[i].text, &a);

		ck_assert_msg(found == (rows[i].address != NULL), "%s", rows[i].text);
		ck_assert_msg(!found || a.s_addr == inet_addr(rows[i].address), "%s", rows[i].text);
	}
}
END_TEST

UNIT_MAIN("resolver", finds_the_server)

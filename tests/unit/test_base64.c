/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"

#include <errno.h>

#include "base/base64.h"
#include "base/cleanup.h"

static const struct {
	const char *plain, *encoded;
} vectors[] = {
	/* RFC 4648, section 10 */
	{ "", "" },
	{ "f", "Zg==" },
	{ "fo", "Zm8=" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" },
	{ "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" },
	/* what Kata Containers makes of volume paths */
	{ "/kubelet/kata-test-vol-001/volume001",
	  "L2t1YmVsZXQva2F0YS10ZXN0LXZvbC0wMDEvdm9sdW1lMDAx" },
	{ "/kubelet/kata-direct-vol-002/directvol002",
	  "L2t1YmVsZXQva2F0YS1kaXJlY3Qtdm9sLTAwMi9kaXJlY3R2b2wwMDI=" },
	{ "/kubelet/kata-vfio-vol-003/vfiovol003",
	  "L2t1YmVsZXQva2F0YS12ZmlvLXZvbC0wMDMvdmZpb3ZvbDAwMw==" },
	{ "/a?b>c", "L2E_Yj5j" },
};

START_TEST(there_and_back)
{
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		_free_ char *text = base64url_encode(vectors[i].plain, strlen(vectors[i].plain));
		_free_ char *back = NULL;
		size_t len = 99;

		ck_assert_str_eq(text, vectors[i].encoded);
		ck_assert_int_eq(base64url_decode(text, &back, &len), 0);
		ck_assert_str_eq(back, vectors[i].plain);
		ck_assert_uint_eq(len, strlen(vectors[i].plain));
	}
}
END_TEST

START_TEST(every_byte)
{
	for (int c = 0; c < 256; c++) {
		const char in[3] = { (char)c, (char)~c, (char)c };
		_free_ char *text = base64url_encode(in, sizeof(in));
		_free_ char *back = NULL;
		size_t len = 0;

		ck_assert_int_eq(base64url_decode(text, &back, &len), 0);
		ck_assert_uint_eq(len, sizeof(in));
		ck_assert_mem_eq(back, in, sizeof(in));
	}
}
END_TEST

START_TEST(refused)
{
	static const char *const bad[] = { "Z",    "Zg",       "Zg=",   "Zg===", "Z===",
					   "====", "Zg==Zg==", "Zh==",  "Zm9=",  "Zm+v",
					   "Zm/v", "Zm 9",     "Zm9\n", "Z=9v" };
	char *back = NULL;
	size_t len = 7;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(base64url_decode(bad[i], &back, &len) == -EINVAL, "%s", bad[i]);
	ck_assert_ptr_null(back);
	ck_assert_uint_eq(len, 7);
}
END_TEST

UNIT_MAIN("base64", there_and_back, every_byte, refused)

/* SPDX-License-Identifier: Apache-2.0 */
#include "libruntime/update.h"
#include "tests/unit/test_oci.h"

static void same(const json_t *got, const char *want)
{
	_json_ json_t *w = text_json(want);
	_free_ char *text = js_dump(got);

	ck_assert_msg(json_equal((json_t *)got, w), "%s\ninstead of\n%s", text, want);
}

START_TEST(merges)
{
	static const struct {
		const char *stored, *given, *want;
	} cases[] = {
		{ "{}", "{}", "{}" },
		{ "{\"cpu\":{\"shares\":5}}", "{}", "{\"cpu\":{\"shares\":5}}" },
		{ "{\"cpu\":{\"shares\":5}}", "{\"cpu\":{\"quota\":7},\"pids\":{\"limit\":-1}}",
		  "{\"cpu\":{\"shares\":5,\"quota\":7},\"pids\":{\"limit\":-1}}" },
		/* what docker writes for "leave it" */
		{ "{\"memory\":{\"limit\":9,\"swap\":9},\"cpu\":{\"cpus\":\"0\"}}",
		  "{\"memory\":{\"limit\":0,\"swap\":0,\"reservation\":0},\"cpu\":{\"cpus\":\"\",\"shares\":null},"
		  "\"blockIO\":{},\"hugepageLimits\":[],\"unified\":null}",
		  "{\"memory\":{\"limit\":9,\"swap\":9},\"cpu\":{\"cpus\":\"0\"}}" },
		/* zeros that mean something */
		{ "{\"cpu\":{\"idle\":1,\"burst\":5}}", "{\"cpu\":{\"idle\":0,\"burst\":0}}",
		  "{\"cpu\":{\"idle\":0,\"burst\":0}}" },
		{ "{\"cpu\":{\"idle\":1}}", "{\"cpu\":{\"idle\":null}}", "{\"cpu\":{\"idle\":1}}" },
		{ "{\"unified\":{\"a.b\":\"1\",\"c.d\":\"2\"}}", "{\"unified\":{\"c.d\":\"3\"}}",
		  "{\"unified\":{\"a.b\":\"1\",\"c.d\":\"3\"}}" },
		{ "{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":1}]}",
		  "{\"hugepageLimits\":[{\"pageSize\":\"1GB\",\"limit\":2}]}",
		  "{\"hugepageLimits\":[{\"pageSize\":\"1GB\",\"limit\":2}]}" },
		/* fixed at create */
		{ "{\"devices\":[{\"allow\":false}]}",
		  "{\"devices\":[{\"allow\":true}],\"pids\":{\"limit\":1}}",
		  "{\"devices\":[{\"allow\":false}],\"pids\":{\"limit\":1}}" },
		{ "{\"cpu\":null}", "{\"cpu\":{\"shares\":18446744073709551615}}",
		  "{\"cpu\":{\"shares\":18446744073709551615}}" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_json_ json_t *stored = text_json(cases[i].stored),
			      *given = text_json(cases[i].given);

		ck_assert_int_eq(update_merge(stored, given), 0);
		same(stored, cases[i].want);
		same(given, cases[i].given);
	}
}
END_TEST

START_TEST(completes)
{
	static const struct {
		const char *stored, *given, *want;
	} cases[] = {
		{ "{\"cpu\":{\"quota\":5,\"period\":7}}", "{\"cpu\":{\"quota\":6}}",
		  "{\"cpu\":{\"quota\":6,\"period\":7}}" },
		{ "{\"cpu\":{\"quota\":5,\"period\":7}}", "{\"cpu\":{\"period\":8,\"quota\":0}}",
		  "{\"cpu\":{\"period\":8,\"quota\":5}}" },
		{ "{\"cpu\":{\"quota\":5,\"period\":7}}", "{\"cpu\":{\"period\":8,\"quota\":9}}",
		  "{\"cpu\":{\"period\":8,\"quota\":9}}" },
		{ "{\"cpu\":{\"quota\":5,\"period\":7}}", "{\"cpu\":{\"shares\":2}}",
		  "{\"cpu\":{\"shares\":2}}" },
		{ "{\"cpu\":{\"quota\":-1}}", "{\"cpu\":{\"period\":8}}",
		  "{\"cpu\":{\"period\":8,\"quota\":-1}}" },
		{ "{}", "{\"cpu\":{\"period\":8}}", "{\"cpu\":{\"period\":8}}" },
		{ "{\"memory\":{\"limit\":5,\"swap\":9}}", "{\"memory\":{\"swap\":20}}",
		  "{\"memory\":{\"swap\":20,\"limit\":5}}" },
		{ "{\"memory\":{\"limit\":5,\"swap\":9}}", "{\"memory\":{\"limit\":6}}",
		  "{\"memory\":{\"limit\":6}}" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_json_ json_t *stored = text_json(cases[i].stored),
			      *given = text_json(cases[i].given);

		update_complete(given, stored);
		same(given, cases[i].want);
		same(stored, cases[i].stored);
	}
}
END_TEST

UNIT_MAIN("update", merges, completes)

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "oci/seccomp.h"

#define DIGITS (2 * sizeof(struct sock_filter)) /* of one instruction */
#define ALLOWED_FLAGS (SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW)

void oci_seccomp_program_done(struct oci_seccomp_program *p)
{
	free(p->code);
	*p = (struct oci_seccomp_program){ 0 };
}

json_t *oci_seccomp_program_to_json(const struct oci_seccomp_program *p)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *bytes = (const uint8_t *)p->code;
	size_t size = p->n * sizeof(*p->code);
	_free_ char *text = malloc(2 * size + 1);

	if (!text)
		return NULL;
	for (size_t i = 0; i < size; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	text[2 * size] = '\0';
	return json_pack("{s:i, s:s}", "flags", (int)p->flags, "program", text);
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int oci_seccomp_program_from_json(const json_t *tree, struct oci_seccomp_program *ret,
				  struct err *err)
{
	const json_t *program = json_object_get(tree, "program");
	const char *text = json_string_value(program);
	int64_t flags = js_get_int(tree, "flags", -1);
	size_t len = json_string_length(program);

	if (!text || !len || len % DIGITS || len / DIGITS > OCI_SECCOMP_MAX)
		return err_set(err, EINVAL,
			       "seccomp.program: up to %d instructions of %zu digits are required",
			       OCI_SECCOMP_MAX, DIGITS);
	if (flags < 0 || flags & ~(int64_t)ALLOWED_FLAGS)
		return err_set(err, EINVAL, "seccomp.flags: unknown flag");
	_free_ struct sock_filter *code = calloc(len / DIGITS, sizeof(*code));
	if (!code)
		return err_errno(err, ENOMEM, "seccomp");
	for (size_t i = 0; i < len / 2; i++) {
		int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return err_set(err, EINVAL, "seccomp.program: not hexadecimal");
		((uint8_t *)code)[i] = (uint8_t)(high << 4 | low);
	}
	*ret = (struct oci_seccomp_program){ .flags = (unsigned int)flags,
					     .code = take_ptr(code),
					     .n = len / DIGITS };
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

char *base64url_encode(const void *data, size_t len)
{
	const uint8_t *in = data;
	char *text = malloc((len + 2) / 3 * 4 + 1), *p = text;

	if (!text)
		return NULL;
	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		uint32_t v = (uint32_t)in[i] << 16;

		if (left > 1)
			v |= (uint32_t)in[i + 1] << 8;
		if (left > 2)
			v |= in[i + 2];
		*p++ = alphabet[v >> 18];
		*p++ = alphabet[v >> 12 & 63];
		*p++ = left > 1 ? alphabet[v >> 6 & 63] : '=';
		*p++ = left > 2 ? alphabet[v & 63] : '=';
	}
	*p = '\0';
	return text;
}

/* Four characters to one to three bytes; 0: they are none. */
static size_t decode_group(const char *group, bool last, char out[3])
{
	size_t pad = group[3] != '=' ? 0 : group[2] != '=' ? 1 : 2;
	uint32_t v = 0;

	if (pad && !last)
		return 0;
	for (size_t i = 0; i < 4; i++) {
		const char *c = i < 4 - pad ? strchr(alphabet, group[i]) : alphabet;

		if (!c)
			return 0;
		v = v << 6 | (uint32_t)(c - alphabet);
	}
	if (pad && v & (pad == 1 ? 0xffU : 0xffffU))
		return 0;
	for (size_t i = 0; i < 3; i++)
		out[i] = (char)(v >> (16 - 8 * i));
	return 3 - pad;
}

int base64url_decode(const char *text, char **ret, size_t *ret_len)
{
	size_t len = strlen(text), n = 0;
	_free_ char *data = malloc(len / 4 * 3 + 1);

	if (!data)
		return -ENOMEM;
	if (len % 4)
		return -EINVAL;
	for (size_t i = 0; i < len; i += 4) {
		size_t got = decode_group(text + i, i + 4 == len, data + n);

		if (got == 0)
			return -EINVAL;
		n += got;
	}
	data[n] = '\0';
	*ret = take_ptr(data);
	*ret_len = n;
	return 0;
}

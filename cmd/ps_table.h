/* SPDX-License-Identifier: Apache-2.0 */
/* The table of `ps`: ps(1)'s columns for the processes of a guest. */
#ifndef MOAT_CMD_PS_TABLE_H
#define MOAT_CMD_PS_TABLE_H

#include <stdio.h>
#include <time.h>

#include "base/err.h"
#include "libruntime/moat.h"

#define PS_COLUMNS_MAX 32

/* What a cell is made of. */
struct ps_row {
	const struct moat_process_info *p;
	uint64_t uptime, ticks;
	time_t now;
};

struct ps_column {
	const char *name; /* as -o takes it */
	const char *header;
	int width; /* negative: to the left */
	/* Writes the cell. */
	void (*format)(const struct ps_row *row, char *buf, size_t size);
};

struct ps_table {
	const struct ps_column *columns[PS_COLUMNS_MAX];
	size_t n;
};

/* Understands ps options (NULL-terminated): -e, -f and their like, and -o COLUMN,... The default is -ef. */
int ps_table_parse(char *const *options, struct ps_table *ret, struct err *err);
void ps_table_print(const struct ps_table *t, const struct moat_processes *list, time_t now,
		    FILE *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trim.h"

#include <elf.h>
#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

void trim_memory(void)
{
	const ElfW(Phdr) *ph = (const ElfW(Phdr) *)getauxval(
		AT_PHDR); /* NOLINT(performance-no-int-to-ptr) */
	size_t n = getauxval(AT_PHNUM), page = (size_t)sysconf(_SC_PAGESIZE);
	uintptr_t base = 0;

	malloc_trim(0);
	for (size_t i = 0; i < n; i++)
		if (ph[i].p_type == PT_PHDR)
			base = (uintptr_t)ph - ph[i].p_vaddr;
	for (size_t i = 0; i < n; i++) {
		uintptr_t from = base + ph[i].p_vaddr, to = from + ph[i].p_filesz;

		/* Read-only parts are the file's own pages: dropping them loses nothing. */
		if (ph[i].p_type != PT_LOAD || ph[i].p_flags & PF_W)
			continue;
		from &= ~(uintptr_t)(page - 1);
		to &= ~(uintptr_t)(page - 1);
		if (to > from)
			madvise((void *)from, to - from,
				MADV_DONTNEED); /* NOLINT(performance-no-int-to-ptr) */
	}
}

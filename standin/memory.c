// SPDX-License-Identifier: Apache-2.0
#include "standin/memory.h"

#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>

#define PAGE ((uintptr_t)4096) /* a kernel with larger ones refuses, which does no harm */

static int forget_segments(struct dl_phdr_info *info, size_t size, void *data)
{
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t start = (info->dlpi_addr + p->p_vaddr + PAGE - 1) & ~(PAGE - 1);
		uintptr_t end = (info->dlpi_addr + p->p_vaddr + p->p_memsz) & ~(PAGE - 1);

		if (p->p_type == PT_LOAD && !(p->p_flags & PF_W) && start < end)
			madvise((void *)start, end - start, MADV_DONTNEED);
	}
	return 0;
}

void memory_shrink(void)
{
	malloc_trim(0);
	dl_iterate_phdr(forget_segments, NULL);
}

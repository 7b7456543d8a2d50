/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel of 40 instructions: it says "moat" on the serial port and resets. ELF with the note that makes QEMU boot it by PVH, in 32-bit
 * protected mode.
 */
#ifndef MOAT_TESTS_TEST_QEMU_KERNEL_H
#define MOAT_TESTS_TEST_QEMU_KERNEL_H

#include <elf.h>
#include <fcntl.h>

#include "tests/unit/unit.h"

#define LOAD_ADDRESS 0x100000

struct __attribute__((packed)) image {
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdr[2];
	struct {
		Elf64_Nhdr hdr;
		char name[4];
		uint64_t entry;
	} note;
	uint8_t code[64];
};

static inline size_t emit_code(uint8_t *p, uint32_t address)
{
	static const char text[] = "moat\n";
	size_t n = 0;

	memcpy(p, "\xba\xf8\x03\x00\x00", 5); /* mov edx, 0x3f8 */
	n += 5;
	for (const char *s = text; *s; s++) {
		p[n++] = 0xb0; /* mov al, *s */
		p[n++] = (uint8_t)*s;
		p[n++] = 0xee; /* out dx, al */
	}
	/* lidt [zero]; int3: no handler, no handler for that, reset. */
	uint32_t zero = address + 48;

	memcpy(p + n, "\x0f\x01\x1d", 3);
	memcpy(p + n + 3, &zero, 4);
	p[n + 7] = 0xcc;
	return n + 8;
}

static inline void write_kernel(const char *path)
{
	struct image img = { 0 };
	uint32_t entry = LOAD_ADDRESS + offsetof(struct image, code);
	int fd;

	memcpy(img.ehdr.e_ident, ELFMAG, SELFMAG);
	img.ehdr.e_ident[EI_CLASS] = ELFCLASS64;
	img.ehdr.e_ident[EI_DATA] = ELFDATA2LSB;
	img.ehdr.e_ident[EI_VERSION] = EV_CURRENT;
	img.ehdr.e_type = ET_EXEC;
	img.ehdr.e_machine = EM_X86_64;
	img.ehdr.e_version = EV_CURRENT;
	img.ehdr.e_entry = entry;
	img.ehdr.e_phoff = offsetof(struct image, phdr);
	img.ehdr.e_ehsize = sizeof(img.ehdr);
	img.ehdr.e_phentsize = sizeof(img.phdr[0]);
	img.ehdr.e_phnum = 2;
	img.phdr[0] = (Elf64_Phdr){ .p_type = PT_LOAD,
				    .p_flags = PF_R | PF_X,
				    .p_vaddr = LOAD_ADDRESS,
				    .p_paddr = LOAD_ADDRESS,
				    .p_filesz = sizeof(img),
				    .p_memsz = sizeof(img),
				    .p_align = 4096 };
	img.phdr[1] = (Elf64_Phdr){ .p_type = PT_NOTE,
				    .p_offset = offsetof(struct image, note),
				    .p_filesz = sizeof(img.note),
				    .p_memsz = sizeof(img.note),
				    .p_align = 4 };
	img.note.hdr = (Elf64_Nhdr){ .n_namesz = 4,
				     .n_descsz = 8,
				     .n_type = 18 /* XEN_ELFNOTE_PHYS32_ENTRY */ };
	memcpy(img.note.name, "Xen", 4);
	img.note.entry = entry;
	ck_assert_uint_le(emit_code(img.code, entry), 48);

	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, &img, sizeof(img)), sizeof(img));
	close(fd);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/resolver_redirect.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"

#define INSN(op, dst, src, offset, immediate) \
	((struct bpf_insn){ .code = (op),     \
			    .dst_reg = (dst), \
			    .src_reg = (src), \
			    .off = (offset),  \
			    .imm = (int32_t)(immediate) })
#define MOVE(dst, value) INSN(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, value)
#define LOAD(dst, field) \
	INSN(BPF_LDX | BPF_W | BPF_MEM, dst, BPF_REG_6, offsetof(struct bpf_sock_addr, field), 0)

/* Ports in the network's order. */
struct ports {
	in_port_t udp, tcp;
};

/* What a socket is told is changed, or what it tells. */
static const struct {
	enum bpf_attach_type type;
	bool back;
} hooks[RESOLVER_REDIRECTS] = {
	{ BPF_CGROUP_INET4_CONNECT, false },
	{ BPF_CGROUP_UDP4_SENDMSG, false },
	{ BPF_CGROUP_UDP4_RECVMSG, true },
	{ BPF_CGROUP_INET4_GETPEERNAME, true },
};

static int bpf(enum bpf_cmd cmd, union bpf_attr *attr)
{
	long r = syscall(SYS_bpf, cmd, attr, sizeof(*attr));

	return r < 0 ? -errno : (int)r;
}

/* In sockets of that namespace, of the address with a port of `from`: that of `to` in its place. */
static int load(enum bpf_attach_type type, uint64_t netns, in_addr_t address, struct ports from,
		struct ports to)
{
	enum { OUT = 17 };
	const struct bpf_insn insns[] = {
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_6, BPF_REG_1, 0, 0),
		LOAD(BPF_REG_2, user_ip4),
		INSN(BPF_JMP32 | BPF_JNE | BPF_K, BPF_REG_2, 0, OUT - 3, address),
		LOAD(BPF_REG_2, user_port),
		LOAD(BPF_REG_3, protocol),
		MOVE(BPF_REG_4, from.udp),
		MOVE(BPF_REG_7, to.udp),
		INSN(BPF_JMP32 | BPF_JEQ | BPF_K, BPF_REG_3, 0, 2, IPPROTO_UDP),
		MOVE(BPF_REG_4, from.tcp),
		MOVE(BPF_REG_7, to.tcp),
		INSN(BPF_JMP32 | BPF_JNE | BPF_X, BPF_REG_2, BPF_REG_4, OUT - 11, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_6, 0, 0),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_netns_cookie),
		/* One instruction in two. */
		INSN(BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1, 0, 0, netns & UINT32_MAX),
		INSN(0, 0, 0, 0, netns >> 32),
		INSN(BPF_JMP | BPF_JNE | BPF_X, BPF_REG_0, BPF_REG_1, OUT - 16, 0),
		INSN(BPF_STX | BPF_W | BPF_MEM, BPF_REG_6, BPF_REG_7,
		     offsetof(struct bpf_sock_addr, user_port), 0),
		[OUT] = MOVE(BPF_REG_0, 1),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
		.expected_attach_type = type,
		.insns = (uintptr_t)insns,
		.insn_cnt = ARRAY_SIZE(insns),
		.license = (uintptr_t) "Apache-2.0",
	};

	return bpf(BPF_PROG_LOAD, &attr);
}

/* A link: it ends with its descriptor, the program with it. */
static int attach(int cgroup, enum bpf_attach_type type, int prog)
{
	union bpf_attr attr = {
		.link_create = {
			.prog_fd = (uint32_t)prog,
			.target_fd = (uint32_t)cgroup,
			.attach_type = type,
		},
	};

	return bpf(BPF_LINK_CREATE, &attr);
}

static int port_of(int fd, in_port_t *ret)
{
	struct sockaddr_in at = {};
	socklen_t len = sizeof(at);

	if (getsockname(fd, (struct sockaddr *)&at, &len) < 0)
		return -errno;
	*ret = at.sin_port;
	return 0;
}

int resolver_redirect(int cgroup, const struct sockaddr_in *at, int udp, int tcp,
		      int ret[RESOLVER_REDIRECTS], struct err *err)
{
	const struct ports known = { at->sin_port, at->sin_port };
	struct ports ours;
	int fds[RESOLVER_REDIRECTS], r;
	uint64_t netns;
	socklen_t len = sizeof(netns);
	size_t n;

	if (port_of(udp, &ours.udp) < 0 || port_of(tcp, &ours.tcp) < 0 ||
	    getsockopt(udp, SOL_SOCKET, SO_NETNS_COOKIE, &netns, &len) < 0)
		return err_errno(err, errno, "redirect to the name server");
	for (n = 0, r = 0; n < RESOLVER_REDIRECTS; n++) {
		_close_ int prog = load(hooks[n].type, netns, at->sin_addr.s_addr,
					hooks[n].back ? ours : known, hooks[n].back ? known : ours);

		r = prog < 0 ? prog : attach(cgroup, hooks[n].type, prog);
		if (r < 0)
			break;
		fds[n] = r;
	}
	if (r >= 0) {
		memcpy(ret, fds, sizeof(fds));
		return 0;
	}
	while (n-- > 0)
		fd_close(fds[n]);
	return err_errno(err, -r, "redirect to the name server");
}

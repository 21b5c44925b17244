/* Connections that are made and accepted through io_uring: no call of a socket is left that could say who did it. */
#ifndef SESSIONS_URING_H
#define SESSIONS_URING_H
#include "sessions-failed.h"
#include <linux/io_uring.h>
#include <sys/mman.h>

#define URING_ENTRIES 8

static struct {
	int fd;
	unsigned *sq_tail, *sq_array, *cq_head, *cq_tail;
	unsigned sq_mask, cq_mask;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
} ring;

/* 0: this kernel, or whoever runs it, has none. */
static int open_ring(void)
{
	struct io_uring_params params = {};
	char *sq, *cq;

	ring.fd = syscall(SYS_io_uring_setup, URING_ENTRIES, &params);
	if (ring.fd < 0)
		return 0;
	sq = mmap(0, params.sq_off.array + params.sq_entries * sizeof(unsigned), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring.fd,
		IORING_OFF_SQ_RING);
	cq = mmap(0, params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring.fd,
		IORING_OFF_CQ_RING);
	ring.sqes =
		mmap(0, params.sq_entries * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring.fd, IORING_OFF_SQES);
	if (sq == MAP_FAILED || cq == MAP_FAILED || ring.sqes == MAP_FAILED)
		die("mmap");
	ring.sq_tail = (void *)(sq + params.sq_off.tail);
	ring.sq_array = (void *)(sq + params.sq_off.array);
	ring.sq_mask = params.sq_entries - 1;
	ring.cq_head = (void *)(cq + params.cq_off.head);
	ring.cq_tail = (void *)(cq + params.cq_off.tail);
	ring.cq_mask = params.cq_entries - 1;
	ring.cqes = (void *)(cq + params.cq_off.cqes);
	return 1;
}

static void submit(int opcode, int fd, const void *address, unsigned long long length)
{
	unsigned tail = *ring.sq_tail, at = tail & ring.sq_mask;

	ring.sqes[at] = (struct io_uring_sqe){.opcode = opcode, .fd = fd, .addr = (unsigned long)address, .off = length};
	ring.sq_array[at] = at;
	__atomic_store_n(ring.sq_tail, tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring.fd, 1, 0, 0, 0, 0) != 1)
		die("io_uring_enter");
}

static int result(void)
{
	unsigned head = *ring.cq_head;
	int res;

	while (__atomic_load_n(ring.cq_tail, __ATOMIC_ACQUIRE) == head)
		if (syscall(SYS_io_uring_enter, ring.fd, 0, 1, IORING_ENTER_GETEVENTS, 0, 0) < 0)
			die("io_uring_enter");
	res = ring.cqes[head & ring.cq_mask].res;
	__atomic_store_n(ring.cq_head, head + 1, __ATOMIC_RELEASE);
	return res;
}

static void uring(void)
{
	struct end closed = make_end(AF_INET, LOCAL_4, 1), listening;
	int listener, client, server, refused = socket(AF_INET, SOCK_STREAM, 0);
	struct told c, s;

	if (!open_ring())
		return;
	listener = listen_at(AF_INET, LOCAL_4, 0, 8);
	listening = local_of(listener);
	tell_listener(listening, 0, getpid());
	/* it waits when the connection comes */
	submit(IORING_OP_ACCEPT, listener, 0, 0);
	client = connect_to(&listening);
	server = result();
	if (server < 0)
		die("accept");
	c = (struct told){"client", local_of(client), listening, getpid(), getpid(), 0, 0, 0, "-", CLOSES_FIRST};
	s = (struct told){"server", listening, c.local, getpid(), getpid(), 0, 0, 0, "-", CLOSED_BY_PEER};
	close(client);
	read_end(server);
	close(server);
	tell(&c);
	tell(&s);

	client = socket(AF_INET, SOCK_STREAM, 0);
	submit(IORING_OP_CONNECT, client, &listening.address, length_of(&listening));
	if (result())
		die("connect");
	submit(IORING_OP_ACCEPT, listener, 0, 0);
	server = result();
	c.local = s.peer = local_of(client);
	close(client);
	read_end(server);
	close(server);
	tell(&c);
	tell(&s);

	submit(IORING_OP_CONNECT, refused, &closed.address, length_of(&closed));
	if (result() != -ECONNREFUSED)
		die("refused");
	close(refused);
	tell_failed(some_end(LOCAL_4), closed, "ECONNREFUSED", "syn_sent,closed");
	close(listener);
	close(ring.fd);
}
#endif

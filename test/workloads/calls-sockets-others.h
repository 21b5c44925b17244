/* Sockets of one machine, those without ports, and what is no socket. */
static void unix_socket(struct run *run, long fd, const char *local, const char *peer)
{
	number(run, "ringtail.fd", fd);
	attribute(run, "network.transport", "unix");
	if (local)
		attribute(run, "network.local.address", below(run, local));
	if (peer)
		attribute(run, "network.peer.address", below(run, peer));
}

static void call_unix(struct run *run, int way)
{
	long listener = CALL(__NR_socket, FAMILY_UNIX, KIND_STREAM, 0, 0, 0), near = CALL(__NR_socket, FAMILY_UNIX, KIND_STREAM, 0, 0, 0);
	long far, result;

	local_path(run, "/socket");
	told(run, "connect", VIA(INNER_CONNECT, __NR_connect, near, P(&run->address), run->address_length, 0, 0, 0));
	unix_socket(run, near, 0, "/socket");
	put(run, " ringtail.unverified=true");
	CALL(__NR_bind, listener, P(&run->address), run->address_length, 0, 0);
	CALL(__NR_listen, listener, 5, 0, 0, 0);
	told(run, "connect", VIA(INNER_CONNECT, __NR_connect, near, P(&run->address), run->address_length, 0, 0, 0));
	unix_socket(run, near, 0, "/socket");
	far = told(run, "accept4", VIA(INNER_ACCEPT4, __NR_accept4, listener, 0, 0, 0, 0, 0));
	unix_socket(run, far, "/socket", 0);
	result = told(run, "sendto", VIA(INNER_SENDTO, __NR_sendto, near, P(run->data), 1, 0, 0, 0));
	unix_socket(run, near, 0, "/socket");
	sizes(run, 1, result);
	result = told(run, "recvmsg", VIA(INNER_RECVMSG, __NR_recvmsg, far, one_message(run, 0, 0, 0), 0, 0, 0, 0));
	unix_socket(run, far, "/socket", 0);
	sizes(run, 7, result);
	told(run, "close", CALL(__NR_close, near, 0, 0, 0, 0));
	unix_socket(run, near, 0, "/socket");
	told(run, "close", CALL(__NR_close, far, 0, 0, 0, 0));
	unix_socket(run, far, "/socket", 0);
	told(run, "close", CALL(__NR_close, listener, 0, 0, 0, 0));
	unix_socket(run, listener, "/socket", 0);
}

/* A raw socket, where that is allowed: it has a protocol and no ports. */
static void call_raw(struct run *run, int way)
{
	long fd = CALL(__NR_socket, FAMILY_INET, KIND_RAW, PROTOCOL_ICMP, 0, 0), result;

	if (fd < 0)
		return;
	inet(run, 0);
	result = told(run, "sendto", VIA(INNER_SENDTO, __NR_sendto, fd, P(run->data), 16, 0, P(&run->address), 16));
	number(run, "ringtail.fd", fd);
	put(run, " network.type=ipv4 ringtail.network.protocol=icmp network.peer.address=127.0.0.1 ringtail.unverified=true");
	sizes(run, 16, result);
	told(run, "close", CALL(__NR_close, fd, 0, 0, 0, 0));
	number(run, "ringtail.fd", fd);
	put(run, " network.type=ipv4 ringtail.network.protocol=icmp");
}

/* What is no socket. */
static void call_others(struct run *run, int way)
{
	long fd;

	inet(run, 9);
	told(run, "connect", VIA(INNER_CONNECT, __NR_connect, 12345, P(&run->address), 16, 0, 0, 0));
	put(run, " ringtail.fd=12345 network.peer.address=* network.peer.port=* network.type=* ringtail.unverified=*");
	fd = CALL(__NR_eventfd2, 0, 0, 0, 0, 0);
	told(run, "sendto", VIA(INNER_SENDTO, __NR_sendto, fd, P(run->data), 4, 0, 0, 0));
	number(run, "ringtail.fd", fd);
	put(run, " ringtail.io.requested=4");
	told(run, "accept4", VIA(INNER_ACCEPT4, __NR_accept4, fd, 0, 0, 0, 0, 0));
	number(run, "ringtail.fd", fd);
	CALL(__NR_close, fd, 0, 0, 0, 0);
}

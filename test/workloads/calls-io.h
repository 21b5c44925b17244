/* The families of read and write, on a file, a pipe and what is neither. */
static void transfer(struct run *run, const char *tail, const char *kind, long fd, long requested, long result)
{
	if (tail)
		about(run, tail);
	if (kind)
		attribute(run, "ringtail.file.kind", kind);
	number(run, "ringtail.fd", fd);
	number(run, "ringtail.io.requested", requested);
	if (result >= 0)
		number(run, "ringtail.io.transferred", result);
}

/* Two pieces of 3 and 4 bytes. */
static word two_parts(struct run *run)
{
	run->parts[0].base = P(run->data);
	run->parts[0].length = 3;
	run->parts[1].base = P(run->data + 100);
	run->parts[1].length = 4;
	return P(run->parts);
}

static void call_writes(struct run *run, long fd)
{
	word parts = two_parts(run);

	transfer(run, "/io", "regular", fd, 20, told(run, "write", CALL(__NR_write, fd, P(run->data), 20, 0, 0)));
	transfer(run, "/io", "regular", fd, 0, told(run, "write", CALL(__NR_write, fd, P(run->data), 0, 0, 0)));
	transfer(run, "/io", "regular", fd, 5, told(run, "pwrite64", CALL(__NR_pwrite64, fd, P(run->data), 5, 2, 0)));
	transfer(run, "/io", "regular", fd, 7, told(run, "writev", CALL(__NR_writev, fd, parts, 2, 0, 0)));
	transfer(run, "/io", "regular", fd, 7, told(run, "pwritev", CALL(__NR_pwritev, fd, parts, 2, 1, 0)));
	transfer(run, "/io", "regular", fd, 7, told(run, "pwritev2", CALL6(__NR_pwritev2, fd, parts, 2, 1, 0, 0)));
	transfer(run, "/io", "regular", fd, 3, told(run, "write", CALL(__NR_write, fd, 8, 3, 0, 0)));
}

static void call_reads(struct run *run, long fd)
{
	word parts = two_parts(run);

	transfer(run, "/io", "regular", fd, 100, told(run, "pread64", CALL(__NR_pread64, fd, P(run->data), 100, 20, 0)));
	transfer(run, "/io", "regular", fd, 100, told(run, "read", CALL(__NR_read, fd, P(run->data), 100, 0, 0)));
	CALL(__NR_lseek, fd, 0, 0, 0, 0);
	transfer(run, "/io", "regular", fd, 6, told(run, "read", CALL(__NR_read, fd, P(run->data), 6, 0, 0)));
	transfer(run, "/io", "regular", fd, 7, told(run, "readv", CALL(__NR_readv, fd, parts, 2, 0, 0)));
	transfer(run, "/io", "regular", fd, 7, told(run, "preadv", CALL(__NR_preadv, fd, parts, 2, 4, 0)));
	transfer(run, "/io", "regular", fd, 7, told(run, "preadv2", CALL6(__NR_preadv2, fd, parts, 2, 4, 0, 0)));
	transfer(run, "/io", "regular", fd, 9, told(run, "read", CALL(__NR_read, fd, 8, 9, 0, 0)));
	transfer(run, 0, 0, 12345, 9, told(run, "read", CALL(__NR_read, 12345, P(run->data), 9, 0, 0)));
	transfer(run, 0, 0, 12345, 7, told(run, "writev", CALL(__NR_writev, 12345, parts, 2, 0, 0)));
}

/* Its name in /proc, which is its path. */
static void pipe_name(struct run *run, long fd)
{
	char link[32] = "/proc/self/fd/";
	unsigned int at = 14;

	if (fd > 99)
		link[at++] = '0' + fd / 100 % 10;
	if (fd > 9)
		link[at++] = '0' + fd / 10 % 10;
	link[at++] = '0' + fd % 10;
	link[at] = 0;
	__builtin_memcpy(run->path, link, sizeof(link));
	at = CALL(__NR_readlinkat, AT_CWD, P(run->path), P(run->path + 64), PATH_BYTES - 65, 0);
	if (at < PATH_BYTES - 65)
		run->path[64 + at] = 0;
	attribute(run, "file.path", run->path + 64);
}

static void call_pipes(struct run *run)
{
	if (CALL(__NR_pipe2, P(run->pair), FLAG_NONBLOCK, 0, 0, 0))
		return;
	transfer(run, 0, "pipe", run->pair[1], 11, told(run, "write", CALL(__NR_write, run->pair[1], P(run->data), 11, 0, 0)));
	pipe_name(run, run->pair[1]);
	transfer(run, 0, "pipe", run->pair[0], 50, told(run, "read", CALL(__NR_read, run->pair[0], P(run->data), 50, 0, 0)));
	pipe_name(run, run->pair[0]);
	transfer(run, 0, "pipe", run->pair[0], 50, told(run, "read", CALL(__NR_read, run->pair[0], P(run->data), 50, 0, 0)));
	pipe_name(run, run->pair[0]);
	transfer(run, 0, "pipe", run->pair[0], 2, told(run, "write", CALL(__NR_write, run->pair[0], P(run->data), 2, 0, 0)));
	pipe_name(run, run->pair[0]);
	transfer(run, 0, "pipe", run->pair[0], 1, told(run, "pread64", CALL(__NR_pread64, run->pair[0], P(run->data), 1, 0, 0)));
	pipe_name(run, run->pair[0]);
	CALL(__NR_close, run->pair[0], 0, 0, 0, 0);
	CALL(__NR_close, run->pair[1], 0, 0, 0, 0);
}

static void call_io(struct run *run)
{
	long fd = told(run, "openat", CALL(__NR_openat, AT_CWD, P(below(run, "/io")), FLAG_RDWR | FLAG_CREAT | FLAG_TRUNC, 0644, 0));

	opened(run, "/io", run->path, "O_RDWR,O_CREAT,O_TRUNC", fd);
	put(run, " file.mode=0644");
	call_writes(run, fd);
	call_reads(run, fd);
	CALL(__NR_close, fd, 0, 0, 0, 0);
	call_pipes(run);
}

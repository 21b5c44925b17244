/* Lines about calls, as calls.h has them, for programs with a C library; they are kept and written at the end, behind a mark. */
#ifndef CALL_LINES_H
#define CALL_LINES_H
#include "facts.h"

#define KEPT_BYTES (1 << 20)

static char kept[KEPT_BYTES];
static size_t kept_length;

__attribute__((format(printf, 1, 2))) static inline void keep(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	kept_length += vsnprintf(kept + kept_length, KEPT_BYTES - kept_length, format, args);
	va_end(args);
	if (kept_length >= KEPT_BYTES)
		_exit(97);
}

/* Begins a line; errno is of the call. */
static inline long told(const char *name, long result)
{
	int error = errno;

	keep("\ncall %ld %s %ld", syscall(SYS_gettid), name, result < 0 ? -(long)error : result);
	if (result < 0)
		keep(" error.type=%s", strerrorname_np(error));
	errno = error;
	return result;
}

/* In front of what is looked at, and behind it. */
static inline void mark(void)
{
	unlinkat(AT_FDCWD, "/ringtail-mark", 0);
}

/* Writes what was kept: of a child before it ends, so that it comes once. */
static inline void tell(void)
{
	keep("\n");
	for (size_t at = 0; at < kept_length;) {
		ssize_t done = write(1, kept + at, kept_length - at);

		if (done <= 0)
			_exit(98);
		at += done;
	}
	kept_length = 0;
}
#endif

/* usage: calls FOLDER [THREADS] */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "calls.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <unistd.h>

#define MOST_THREADS 4

#ifdef CALLS_INT80
__asm__(".globl kernel_call\n"
	"kernel_call:\n"
	"\tpush %rbx\n\tpush %rbp\n"
	"\tmov %rsi, %r8\n\tmov %edi, %eax\n"
	"\tmov (%r8), %ebx\n\tmov 4(%r8), %ecx\n\tmov 8(%r8), %edx\n\tmov 12(%r8), %esi\n\tmov 16(%r8), %edi\n\tmov 20(%r8), %ebp\n"
	"\tint $0x80\n"
	"\tmovslq %eax, %rax\n"
	"\tpop %rbp\n\tpop %rbx\n\tret\n");
#else
long kernel_call(long number, const word *args)
{
	long result = syscall(number, args[0], args[1], args[2], args[3], args[4], args[5]);

	return result == -1 ? -errno : result;
}
#endif

static struct run runs[1 + MOST_THREADS];

static void *perform_here(void *data)
{
	struct run *run = data;

	run->tid = gettid();
	CALL(__NR_mkdirat, AT_CWD, P(run->base), 0755, 0, 0);
	perform(run);
	return 0;
}

int main(int argc, char **argv)
{
	int threads = argc > 2 ? atoi(argv[2]) : 0;
	pthread_t ids[MOST_THREADS];

	if (argc < 2 || threads > MOST_THREADS || strlen(argv[1]) > 200)
		return 2;
	strcpy(runs[0].base, argv[1]);
	perform_here(&runs[0]);
	for (int i = 1; i <= threads; i++) {
		strcpy(runs[i].base, argv[1]);
		strcat(runs[i].base, "/thread-");
		runs[i].base[strlen(argv[1]) + 8] = '0' + i;
		if (pthread_create(&ids[i - 1], 0, perform_here, &runs[i]))
			return 3;
	}
	for (int i = 1; i <= threads; i++)
		pthread_join(ids[i - 1], 0);
	for (int i = 0; i <= threads; i++)
		tell(&runs[i]);
	return 0;
}

/* A 32-bit program without a C library. usage: calls-compat FOLDER */
#include "calls.h"

__asm__(".globl kernel_call\n"
	"kernel_call:\n"
	"\tpush %ebx\n\tpush %esi\n\tpush %edi\n\tpush %ebp\n"
	"\tmov 20(%esp), %eax\n\tmov 24(%esp), %edi\n"
	"\tmov (%edi), %ebx\n\tmov 4(%edi), %ecx\n\tmov 8(%edi), %edx\n\tmov 12(%edi), %esi\n\tmov 20(%edi), %ebp\n\tmov 16(%edi), %edi\n"
	"\tint $0x80\n"
	"\tpop %ebp\n\tpop %edi\n\tpop %esi\n\tpop %ebx\n\tret\n");

void *memcpy(void *to, const void *from, unsigned int length)
{
	char *target = to;

	for (const char *source = from; length--;)
		*target++ = *source++;
	return to;
}

void *memset(void *to, int value, unsigned int length)
{
	for (char *target = to; length--;)
		*target++ = value;
	return to;
}

static struct run runs[1];

__attribute__((used)) static void begin(int *stack)
{
	struct run *run = runs;
	const char *folder = stack[0] > 1 ? ((char **)(stack + 1))[1] : "";

	for (unsigned int at = 0; folder[at] && at < sizeof(run->base) - 1; at++)
		run->base[at] = folder[at];
	run->tid = CALL(__NR_gettid, 0, 0, 0, 0, 0);
	perform(run);
	tell(run);
	CALL(__NR_exit, 0, 0, 0, 0, 0);
}

__asm__(".globl _start\n_start:\n\tmov %esp, %eax\n\tpush %eax\n\tcall begin\n");

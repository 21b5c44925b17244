/* A 32-bit program without a C library: a fork, a refused exec and an exec of its first argument, by int 0x80. */
static int call(int number, int a, int b, int c)
{
	int result;

	__asm__ volatile("int $0x80" : "=a"(result) : "0"(number), "b"(a), "c"(b), "d"(c) : "memory");
	return result;
}

__attribute__((used)) static void run(int *stack)
{
	int argc = stack[0];
	char **argv = (char **)(stack + 1);
	char *missing[] = {"missing", 0};
	char *next[] = {"next", "5", 0};
	int child, status = 0;

	child = call(2, 0, 0, 0);
	if (child == 0)
		call(1, 6, 0, 0);
	call(7, child, (int)&status, 0);
	call(11, (int)"/nonexistent/compat", (int)missing, 0);
	if (argc > 1)
		call(11, (int)argv[1], (int)next, 0);
	call(1, 9, 0, 0);
}

__asm__(".globl _start\n_start:\n\tmov %esp, %eax\n\tpush %eax\n\tcall run\n");

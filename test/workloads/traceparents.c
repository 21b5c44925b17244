// A tree of programs, each with the TRACEPARENT that it is to have. What a program does stands behind its label: `+LABEL` forks and runs a child that
// inherits the environment, `+LABEL=VALUE` gives it this TRACEPARENT, and what begins with one more + is what that child does. `!LABEL=VALUE` at the
// end becomes another program by exec.
//
// usage: traceparents LABEL [+LABEL[=VALUE] [++...]...]... [!LABEL=VALUE]
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST 64

static char *self;

static int depth(const char *word)
{
	return strspn(word, "+");
}

// As `word` says, with the words behind it, which belong to it.
static void become(char *word, char **rest, int count)
{
	char *args[MOST + 2] = {self, word}, *value = strchr(word, '=');

	if (value) {
		*value = 0;
		setenv("TRACEPARENT", value + 1, 1);
	}
	for (int i = 0; i < count; i++)
		args[2 + i] = rest[i] + 1;
	execv(self, args);
	_exit(97);
}

int main(int argc, char **argv)
{
	int next;

	self = argv[0];
	if (argc < 2 || argc > MOST) {
		fprintf(stderr, "usage: traceparents LABEL [+LABEL[=VALUE] [++...]...]... [!LABEL=VALUE]\n");
		return 2;
	}
	for (int at = 2; at < argc; at = next) {
		next = at + 1;
		if (argv[at][0] == '!')
			become(argv[at] + 1, 0, 0);
		while (next < argc && depth(argv[next]) > 1)
			next++;
		if (fork() == 0)
			become(argv[at] + 1, argv + at + 1, next - at - 1);
		while (wait(0) > 0)
			;
	}
	return 0;
}

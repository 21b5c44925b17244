// SPDX-License-Identifier: Apache-2.0
// Becomes another program, as another user if it is told to: `launcher - COMMAND ...`, or `launcher USER COMMAND ...` with a number.
// What is wrong is said on standard error; exit codes are those of env(1): 125 it could not try, 126 it cannot be run, 127 it is not there.
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CANNOT_TRY = 125, CANNOT_RUN = 126, NOT_FOUND = 127 };

static int become(const char *text)
{
	char *end = NULL;
	unsigned long number = strtoul(text, &end, 10);
	struct passwd *user;

	if (*text == '\0' || *end != '\0') {
		fprintf(stderr, "ringtail: not the number of a user: %s\n", text);
		return -1;
	}
	errno = 0;
	user = getpwuid((uid_t)number);
	if (user == NULL) {
		fprintf(stderr, "ringtail: there is no user %s%s%s\n", text, errno == 0 ? "" : ": ", errno == 0 ? "" : strerror(errno));
		return -1;
	}
	if (initgroups(user->pw_name, user->pw_gid) || setresgid(user->pw_gid, user->pw_gid, user->pw_gid) ||
		setresuid(user->pw_uid, user->pw_uid, user->pw_uid)) {
		fprintf(stderr, "ringtail: cannot become user %s: %s\n", user->pw_name, strerror(errno));
		return -1;
	}
	if (setenv("HOME", user->pw_dir, 1) || setenv("USER", user->pw_name, 1) || setenv("LOGNAME", user->pw_name, 1) ||
		setenv("SHELL", user->pw_shell, 1)) {
		fprintf(stderr, "ringtail: no memory\n");
		return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	int error;

	if (argc < 3) {
		fprintf(stderr, "usage: %s -|USER COMMAND [ARGUMENT ...]\n", argv[0]);
		return CANNOT_TRY;
	}
	if (strcmp(argv[1], "-") && become(argv[1]))
		return CANNOT_TRY;
	execvp(argv[2], argv + 2);
	error = errno;
	fprintf(stderr, "ringtail: cannot run %s: %s\n", argv[2], strerror(error));
	return error == ENOENT ? NOT_FOUND : CANNOT_RUN;
}

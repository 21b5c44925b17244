/* Runs a program on a host that lacks something: `without net_admin|cgroup2|links|bpf ... -- program argument...` */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BPF_LINK_CREATE_COMMAND 28
#define MOST_MOUNTS 64

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* Cgroup programs can be loaded by whoever has one of the two. */
static void drop_net_admin(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (prctl(PR_CAPBSET_DROP, CAP_NET_ADMIN) || prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN))
		die("prctl");
	if (syscall(SYS_capget, &header, data))
		die("capget");
	data[0].effective &= ~(1u << CAP_NET_ADMIN | 1u << CAP_SYS_ADMIN);
	data[0].permitted = data[0].effective;
	data[0].inheritable = 0;
	if (syscall(SYS_capset, &header, data))
		die("capset");
}

static void unmount_cgroup2(void)
{
	char line[4096], *folders[MOST_MOUNTS];
	int count = 0;
	FILE *mounts;

	if (unshare(CLONE_NEWNS) || mount("", "/", "", MS_REC | MS_PRIVATE, 0))
		die("unshare");
	mounts = fopen("/proc/self/mounts", "r");
	if (!mounts)
		die("/proc/self/mounts");
	while (fgets(line, sizeof(line), mounts)) {
		char *folder = strchr(line, ' ') + 1, *type = strchr(folder, ' ');

		*type++ = 0;
		if (!strncmp(type, "cgroup2 ", 8) && count < MOST_MOUNTS)
			folders[count++] = strdup(folder);
	}
	fclose(mounts);
	while (count--)
		if (umount2(folders[count], MNT_DETACH))
			die(folders[count]);
}

/* All of bpf, or one command of it, gives this error. */
static void refuse_bpf(int command, int error)
{
	struct sock_filter all[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_bpf, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | (command < 0 ? BPF_JGE : BPF_JEQ) | BPF_K, command < 0 ? 0 : command, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof(all) / sizeof(*all), .filter = all};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		die("seccomp");
}

int main(int argc, char **argv)
{
	int at = 1;

	for (; at < argc && strcmp(argv[at], "--"); at++) {
		if (!strcmp(argv[at], "net_admin"))
			drop_net_admin();
		else if (!strcmp(argv[at], "cgroup2"))
			unmount_cgroup2();
		else if (!strcmp(argv[at], "links"))
			/* with EINVAL libbpf takes the older way for tracepoints, which cgroups and iterators do not have */
			refuse_bpf(BPF_LINK_CREATE_COMMAND, EINVAL);
		else if (!strcmp(argv[at], "bpf"))
			refuse_bpf(-1, EPERM);
		else
			return 2;
	}
	if (at + 1 >= argc)
		return 2;
	execv(argv[at + 1], argv + at + 1);
	die(argv[at + 1]);
}

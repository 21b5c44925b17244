/* Other mounts, and other roots: parts of paths.c that need a process of their own. */
/* Runs `what` in a process of its own with mounts of its own, or with those of the host. */
static void apart(const char *what, int unshared, void (*run)(const char *more))
{
	char more[64] = "";
	struct stat ns;
	pid_t child = fork();

	if (child) {
		int status;

		waitpid(child, &status, 0);
		return;
	}
	if (unshared) {
		if (unshare(CLONE_NEWNS) || mount(0, "/", 0, MS_REC | MS_PRIVATE, 0) || stat("/proc/self/ns/mnt", &ns)) {
			keep("\ncannot %s: %s", what, strerror(errno));
			tell();
			_exit(0);
		}
		snprintf(more, sizeof(more), "ringtail.mount_namespace.id=%lu", ns.st_ino);
	}
	run(more);
	tell();
	_exit(0);
}

static void bound(const char *more)
{
	if (mount("real", "bound", 0, MS_BIND, 0)) {
		keep("\ncannot bind: %s", strerror(errno));
		return;
	}
	mark();
	open_and_close(AT_FDCWD, "bound/file", "bound/file", more);
	open_and_close(AT_FDCWD, "real/file", "real/file", more);
	open_and_close(AT_FDCWD, "bound", "bound", more);
	mark();
	if (umount("bound"))
		die("umount");
}

static void overlaid(const char *more)
{
	int fd;

	if (mount("over", "merged", "overlay", 0, "lowerdir=lower,upperdir=upper,workdir=work")) {
		keep("\ncannot overlay: %s", strerror(errno));
		return;
	}
	mark();
	open_and_close(AT_FDCWD, "merged/below", "merged/below", more);
	fd = open_as(AT_FDCWD, "merged/below", O_RDWR, "O_RDWR", "merged/below", more);
	transfer("write", fd, 3, "regular", joined("merged/below"), "");
	close(fd);
	fd = open_as(AT_FDCWD, "merged/made", O_WRONLY | O_CREAT, "O_WRONLY,O_CREAT", "merged/made", more);
	close(fd);
	mark();
	umount("merged");
}

static void jailed(const char *unused)
{
	char more[512];
	int outside = open(".", O_RDONLY | O_DIRECTORY);

	(void)unused;
	snprintf(more, sizeof(more), "ringtail.file.root=%s/jail", folder);
	if (chroot("jail") || chdir("/"))
		die("chroot");
	mark();
	open_and_close(AT_FDCWD, "/inner/file", "jail/inner/file", more);
	open_and_close(AT_FDCWD, "inner/../inner/file", "jail/inner/file", more);
	open_and_close(AT_FDCWD, "/../../inner/file", "jail/inner/file", more);
	/* by a descriptor from before: it is not below the root */
	open_and_close(outside, "real/file", "real/file", "ringtail.file.root=*");
	mark();
}

/* A root of its own in mounts of its own, as a container has it: paths are those of the namespace. */
static void contained(const char *more)
{
	if (mount("jail", "jail", 0, MS_BIND, 0) || chdir("jail") || syscall(SYS_pivot_root, ".", ".") || umount2(".", MNT_DETACH) || chdir("/")) {
		keep("\ncannot pivot: %s", strerror(errno));
		return;
	}
	mark();
	open_and_close(AT_FDCWD, "/inner/file", "/inner/file", more);
	open_and_close(AT_FDCWD, "inner/none", "/inner/none", more);
	mark();
}

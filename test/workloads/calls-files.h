/* open, creat, openat, openat2, unlink, unlinkat, rmdir. */
#define FLAG_RDONLY 0
#define FLAG_WRONLY 1
#define FLAG_RDWR 2
#define FLAG_CREAT 0100
#define FLAG_EXCL 0200
#define FLAG_TRUNC 01000
#define FLAG_APPEND 02000
#define FLAG_NONBLOCK 04000
#define FLAG_DIRECTORY 0200000
#define FLAG_NOFOLLOW 0400000
#define FLAG_CLOEXEC 02000000
#define FLAG_PATH 010000000
#define REMOVE_FOLDER 0x200

static void call_opens(struct run *run, long folder)
{
	long fd;

#ifdef __NR_open
	fd = told(run, "open", CALL(__NR_open, P(below(run, "/a")), FLAG_RDWR | FLAG_CREAT, 0640, 0, 0));
	opened(run, "/a", run->path, "O_RDWR,O_CREAT", fd);
	put(run, " file.mode=0640");
	CALL(__NR_close, fd, 0, 0, 0, 0);
	fd = told(run, "creat", CALL(__NR_creat, P(below(run, "/b")), 0600, 0, 0, 0));
	opened(run, "/b", run->path, "O_WRONLY,O_CREAT,O_TRUNC", fd);
	put(run, " file.mode=0600");
	CALL(__NR_close, fd, 0, 0, 0, 0);
#endif
	fd = told(run, "openat", CALL(__NR_openat, folder, P("c"), FLAG_WRONLY | FLAG_CREAT | FLAG_EXCL | FLAG_CLOEXEC, 0751, 0));
	opened(run, "/c", "c", "O_WRONLY,O_CREAT,O_EXCL,O_CLOEXEC", fd);
	put(run, " file.mode=0751");
	CALL(__NR_close, fd, 0, 0, 0, 0);
	fd = told(run, "openat", CALL(__NR_openat, 12345, P(below(run, "/c")), FLAG_RDONLY | FLAG_NONBLOCK | FLAG_NOFOLLOW, 0, 0));
	opened(run, "/c", run->path, "O_RDONLY,O_NONBLOCK,O_NOFOLLOW", fd);
	CALL(__NR_close, fd, 0, 0, 0, 0);
	fd = told(run, "openat", CALL(__NR_openat, folder, P("c"), FLAG_PATH, 0, 0));
	opened(run, "/c", "c", "O_RDONLY,O_PATH", fd);
	CALL(__NR_close, fd, 0, 0, 0, 0);
	run->how[0] = FLAG_RDWR | FLAG_APPEND;
	run->how[1] = 0;
	run->how[2] = 8; /* RESOLVE_BENEATH */
	fd = told(run, "openat2", CALL(__NR_openat2, folder, P("c"), P(run->how), sizeof(run->how), 0));
	opened(run, "/c", "c", "O_RDWR,O_APPEND", fd);
	CALL(__NR_close, fd, 0, 0, 0, 0);
}

static void call_failed_opens(struct run *run, long folder)
{
	long fd;

	fd = told(run, "openat", CALL(__NR_openat, AT_CWD, P(below(run, "/none")), FLAG_RDWR, 0, 0));
	opened(run, "/none", run->path, "O_RDWR", fd);
	fd = told(run, "openat", CALL(__NR_openat, folder, P("none/../x"), FLAG_RDONLY, 0, 0));
	opened(run, "/none/../x", "none/../x", "O_RDONLY", fd);
	fd = told(run, "openat", CALL(__NR_openat, folder, P("c/x"), FLAG_RDONLY, 0, 0));
	opened(run, "/c/x", "c/x", "O_RDONLY", fd);
	fd = told(run, "openat", CALL(__NR_openat, folder, P("c"), FLAG_RDONLY | FLAG_CREAT | FLAG_EXCL, 0600, 0));
	opened(run, "/c", "c", "O_RDONLY,O_CREAT,O_EXCL", fd);
	put(run, " file.mode=0600");
	told(run, "openat", CALL(__NR_openat, AT_CWD, P(run->base), FLAG_WRONLY, 0, 0));
	opened(run, "", run->base, "O_WRONLY", -1);
	told(run, "openat", CALL(__NR_openat, AT_CWD, 8, FLAG_RDONLY, 0, 0));
	attribute(run, "ringtail.file.flags", "O_RDONLY");
	told(run, "openat", CALL(__NR_openat, 12345, P("nowhere"), FLAG_RDONLY, 0, 0));
	put(run, " ringtail.file.requested=nowhere ringtail.file.flags=O_RDONLY");
	run->how[0] = FLAG_RDONLY;
	run->how[1] = 0;
	run->how[2] = 8;
	told(run, "openat2", CALL(__NR_openat2, folder, P("../up"), P(run->how), sizeof(run->how), 0));
	opened(run, "/../up", "../up", "O_RDONLY", -1);
}

static void removed(struct run *run, const char *tail, const char *asked, int folder)
{
	about(run, tail);
	attribute(run, "ringtail.file.requested", asked ? asked : run->path);
	if (folder)
		attribute(run, "ringtail.file.flags", "AT_REMOVEDIR");
	/* a path that nobody has resolved */
	attribute(run, "ringtail.unverified", "true");
}

static void call_unlinks(struct run *run, long folder)
{
#ifdef __NR_unlink
	told(run, "unlink", CALL(__NR_unlink, P(below(run, "/a")), 0, 0, 0, 0));
	removed(run, "/a", 0, 0);
	told(run, "unlink", CALL(__NR_unlink, P(below(run, "/a")), 0, 0, 0, 0));
	removed(run, "/a", 0, 0);
	told(run, "rmdir", CALL(__NR_rmdir, P(below(run, "/empty")), 0, 0, 0, 0));
	removed(run, "/empty", 0, 1);
	told(run, "rmdir", CALL(__NR_rmdir, P(below(run, "/full")), 0, 0, 0, 0));
	removed(run, "/full", 0, 1);
	told(run, "unlink", CALL(__NR_unlink, 8, 0, 0, 0, 0));
	attribute(run, "ringtail.unverified", "true");
#endif
	told(run, "unlinkat", CALL(__NR_unlinkat, folder, P("c"), 0, 0, 0));
	removed(run, "/c", "c", 0);
	told(run, "unlinkat", CALL(__NR_unlinkat, folder, P("full"), REMOVE_FOLDER, 0, 0));
	removed(run, "/full", "full", 1);
	told(run, "unlinkat", CALL(__NR_unlinkat, folder, P("empty2"), REMOVE_FOLDER, 0, 0));
	removed(run, "/empty2", "empty2", 1);
}

static void call_files(struct run *run)
{
	static const char *const folders[] = {"/empty", "/empty2", "/full", "/full/inner"};
	long folder;

	for (unsigned int i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		CALL(__NR_mkdirat, AT_CWD, P(below(run, folders[i])), 0755, 0, 0);
	folder = told(run, "openat", CALL(__NR_openat, AT_CWD, P(run->base), FLAG_RDONLY | FLAG_DIRECTORY, 0, 0));
	opened(run, "", run->base, "O_RDONLY,O_DIRECTORY", folder);
	call_opens(run, folder);
	call_failed_opens(run, folder);
	call_unlinks(run, folder);
	CALL(__NR_close, folder, 0, 0, 0, 0);
}

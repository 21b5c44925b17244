/* clone, clone3, fork and vfork that fail; what they make comes from the process receiver. */
#define CLONE_SIGNALS 0x800
#define CLONE_NEW_USER 0x10000000
#define CLONE_FILE_SYSTEM 0x200

static void call_tasks(struct run *run)
{
	static const word nobody[] = {0};

	told(run, "clone", CALL(__NR_clone, CLONE_SIGNALS | 17, 0, 0, 0, 0));
	attribute(run, "ringtail.clone.flags", "CLONE_SIGHAND");
	run->clone_args[0] = CLONE_NEW_USER | CLONE_FILE_SYSTEM;
	run->clone_args[4] = 17;
	told(run, "clone3", CALL(__NR_clone3, P(run->clone_args), sizeof(run->clone_args), 0, 0, 0));
	attribute(run, "ringtail.clone.flags", "CLONE_FS,CLONE_NEWUSER");
	told(run, "clone3", CALL(__NR_clone3, 8, sizeof(run->clone_args), 0, 0, 0));
	told(run, "execve", CALL(__NR_execve, P("/nonexistent/program"), P(nobody), P(nobody), 0, 0));
	attribute(run, "ringtail.file.requested", "/nonexistent/program");
}

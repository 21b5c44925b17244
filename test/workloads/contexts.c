/*
 * Stands in for OpenTelemetry's eBPF instrumentation, which keeps where in a trace each thread is in a pinned map: LRU hash, key
 * bpf_get_current_pid_tgid(), value 16 bytes of the trace and 8 of the span.
 *
 * contexts mount|unmount FOLDER       a BPF file system
 * contexts pin PATH [VALUE-BYTES]     makes the map there
 * contexts run PATH FOLDER            does things in the folder; `call FILE THREAD TRACE SPAN` of each open, ids in hexadecimal, `-` for none
 */
#include "facts.h"
#include <linux/bpf.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/mount.h>

#define TRACE_BYTES 16
#define SPAN_BYTES 8

struct context {
	uint8_t trace[TRACE_BYTES];
	uint8_t span[SPAN_BYTES];
};

static int map = -1;
static const char *folder;

static int bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static void pin(const char *path, uint32_t value_bytes)
{
	union bpf_attr make = {.map_type = BPF_MAP_TYPE_LRU_HASH, .key_size = 8, .value_size = value_bytes, .max_entries = 16384};
	union bpf_attr place = {};
	int fd;

	strcpy(make.map_name, "traces_ctx_v1");
	fd = bpf(BPF_MAP_CREATE, &make);
	if (fd < 0)
		die("BPF_MAP_CREATE");
	place.pathname = (uintptr_t)path;
	place.bpf_fd = fd;
	if (bpf(BPF_OBJ_PIN, &place))
		die(path);
}

static uint64_t thread_key(void)
{
	return (uint64_t)getpid() << 32 | (uint32_t)syscall(SYS_gettid);
}

/* Another number, another context; 0 takes it away. A trace says who is in it. */
static struct context enter(uint8_t number)
{
	uint64_t key = thread_key();
	struct context context = {};
	union bpf_attr put = {.map_fd = map, .key = (uintptr_t)&key, .value = (uintptr_t)&context, .flags = BPF_ANY};
	union bpf_attr drop = {.map_fd = map, .key = (uintptr_t)&key};

	for (int i = 0; number && i < TRACE_BYTES; i++)
		context.trace[i] = i < 8 ? (uint8_t)(key >> (8 * i)) : (uint8_t)(0xe8 + i);
	for (int i = 0; number && i < SPAN_BYTES; i++)
		context.span[i] = number + i;
	if (number ? bpf(BPF_MAP_UPDATE_ELEM, &put) : bpf(BPF_MAP_DELETE_ELEM, &drop))
		die("the context of a thread");
	return context;
}

static const char *hex(const uint8_t *bytes, int count, char *out)
{
	int any = 0;

	for (int i = 0; i < count; i++)
		any |= sprintf(out + 2 * i, "%02x", bytes[i]) && bytes[i];
	return any ? out : "-";
}

static void tell(const char *what, const char *name, const struct context *context)
{
	char trace[2 * TRACE_BYTES + 1], span[2 * SPAN_BYTES + 1];

	fact("%s %s %ld %s %s", what, name, syscall(SYS_gettid), hex(context->trace, TRACE_BYTES, trace), hex(context->span, SPAN_BYTES, span));
}

static void touch(const char *name, const struct context *context)
{
	char path[4096], byte = 0;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, &byte, 1) != 1)
		die(path);
	close(fd);
	tell("call", name, context);
}

static void *outside(void *none)
{
	struct context context = {};

	touch("outside", &context);
	return none;
}

static void *inside(void *none)
{
	struct context context = enter(7);

	touch("inside", &context);
	enter(0);
	return none;
}

static void in_thread(void *(*begin)(void *))
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, begin, NULL) || pthread_join(thread, NULL))
		die("pthread_create");
}

static void run(void)
{
	char *arguments[] = {"/nonexistent", NULL}, path[4096];
	struct context context = enter(1), none = {};
	pid_t child;

	touch("first", &context);
	in_thread(outside);
	in_thread(inside);
	touch("still", &context);
	context = enter(2);
	touch("second", &context);
	execv(arguments[0], arguments);
	snprintf(path, sizeof(path), "%s/second", folder);
	unlink(path);
	child = fork();
	if (!child) {
		struct context of_child = enter(9);

		tell("program", "child", &of_child);
		execl("/proc/self/exe", "contexts", "quit", NULL);
		_exit(97);
	}
	reap(child);
	enter(0);
	touch("after", &none);
	context = enter(3);
	tell("exit", "self", &context);
}

int main(int argc, char **argv)
{
	union bpf_attr place = {};
	const char *what = argc > 1 ? argv[1] : "", *path = argc > 2 ? argv[2] : "";

	if (!strcmp(what, "quit"))
		return 0;
	if (!strcmp(what, "mount"))
		return mount("bpf", path, "bpf", 0, "") ? (fact("skip no BPF file system can be mounted: %s", strerror(errno)), 0) : 0;
	if (!strcmp(what, "unmount"))
		return umount2(path, MNT_DETACH) != 0;
	if (!strcmp(what, "pin")) {
		pin(path, argc > 3 ? (uint32_t)atoi(argv[3]) : (uint32_t)sizeof(struct context));
		return 0;
	}
	place.pathname = (uintptr_t)path;
	map = bpf(BPF_OBJ_GET, &place);
	if (map < 0)
		die(path);
	folder = argv[3];
	run();
	return 0;
}

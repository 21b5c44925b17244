/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only OR BSD-2-Clause */
/*
 * Everything that user space sees of the kernel side. The only description of a record: BPF programs and the addon
 * include it, and the TypeScript layout is generated from the BTF that clang emits for it.
 *
 * A record is `struct <kind>_event` followed by the bytes that its `*_len` fields count, in the order of those fields
 * and without padding between them. The type of a `*_len` field says what the bytes are: `text_len` one string,
 * `list_len` strings that are each ended by NUL. In TypeScript `path_len` becomes the string id `path`, `args_len` the id
 * `args` of the first string and their number `argsKept`.
 */
#ifndef RINGTAIL_EVENTS_H
#define RINGTAIL_EVENTS_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

typedef __u32 text_len;
typedef __u32 list_len;

/* Lifecycle kinds come first: a frame hands them over before all others. */
enum event_kind {
	EVENT_NONE = 0,
	EVENT_FORK = 1,        /* a process or thread was made, told by its maker */
	EVENT_EXEC = 2,        /* a program was started, told by the new image */
	EVENT_EXIT = 3,        /* the last thread of a process left */
	EVENT_TASK = 4,        /* a process that ran before we came (iterator) */
	EVENT_EXEC_FAILED = 5, /* an exec that the kernel refused */
	EVENT_SAMPLE = 6,      /* synthetic, written by benchmarks and tests through the memory ring */
	EVENT_OPEN = 7,        /* from here on: system calls, told at their exit */
	EVENT_READ = 8,
	EVENT_WRITE = 9,
	EVENT_UNLINK = 10,
	EVENT_CONNECT = 11,
	EVENT_ACCEPT = 12,
	EVENT_SEND = 13,
	EVENT_RECEIVE = 14,
	EVENT_CLOSE = 15,       /* of a socket */
	EVENT_CALL_FAILED = 16, /* a wanted call that failed and has no kind of its own */
	EVENT_SESSION_START = 17, /* from here on: sessions of sockets */
	EVENT_SESSION_STATE = 18,
	EVENT_SESSION_END = 19,
	EVENT_SESSION_LISTEN = 20,
	EVENT_CGROUP_MADE = 21,     /* of any hierarchy; with the two that follow a part of the lifecycle */
	EVENT_CGROUP_GONE = 22,
	EVENT_CGROUP_ATTACHED = 23, /* a process was moved into it; a child is in that of its maker without a record */
	EVENT_KINDS = 32,      /* size of tables indexed by kind */
};

#define EVENT_LIFECYCLE_LAST EVENT_TASK
#define EVENT_IS_LIFECYCLE(kind) ((kind) <= EVENT_LIFECYCLE_LAST || ((kind) >= EVENT_CGROUP_MADE && (kind) <= EVENT_CGROUP_ATTACHED))
#define EVENT_CALL_FIRST EVENT_OPEN
#define EVENT_CALL_LAST EVENT_CALL_FAILED

/* A system call, whatever its number is on this processor and in this mode. In lower case it is its name. */
enum call_id {
	CALL_NONE = 0,
	CALL_CLONE,
	CALL_CLONE3,
	CALL_FORK,
	CALL_VFORK,
	CALL_EXECVE,
	CALL_EXECVEAT,
	CALL_OPEN,
	CALL_CREAT,
	CALL_OPENAT,
	CALL_OPENAT2,
	CALL_READ,
	CALL_PREAD64,
	CALL_READV,
	CALL_PREADV,
	CALL_PREADV2,
	CALL_WRITE,
	CALL_PWRITE64,
	CALL_WRITEV,
	CALL_PWRITEV,
	CALL_PWRITEV2,
	CALL_UNLINK,
	CALL_UNLINKAT,
	CALL_RMDIR,
	CALL_CONNECT,
	CALL_ACCEPT,
	CALL_ACCEPT4,
	CALL_SENDTO,
	CALL_SENDMSG,
	CALL_SENDMMSG,
	CALL_RECVFROM,
	CALL_RECVMSG,
	CALL_RECVMMSG,
	CALL_SEND,       /* ia32 only, by socketcall */
	CALL_RECV,       /* ia32 only, by socketcall */
	CALL_CLOSE,
	CALL_SOCKETCALL, /* the ia32 call that stands for all of sockets; a record names the one that it stands for */
	CALL_IDS = 64,   /* size of tables indexed by call */
};

enum head_flags {
	HEAD_KERNEL_THREAD = 1 << 0,
	HEAD_NESTED_PID_NS = 1 << 1, /* vpid differs in meaning from pid */
};

enum path_flags {
	PATH_DELETED = 1 << 0,   /* unlinked */
	PATH_PSEUDO = 1 << 1,    /* no place in a file system: memfd, pipe */
	PATH_DETACHED = 1 << 2,  /* its mount belongs to no namespace */
	PATH_TRUNCATED = 1 << 3, /* the front is missing */
	PATH_FAULT = 1 << 4,     /* a name could not be read */
	PATH_CHROOT = 1 << 5,    /* it lies in the root of the process, which is not the root of its namespace */
};

enum call_flags {
	CALL_IS_COMPAT = 1 << 0,       /* made by the ia32 way */
	CALL_HAS_FAILED = 1 << 1,      /* ret is an errno; what a path or an address says is what the caller showed */
	CALL_IS_UNVERIFIED = 1 << 2,   /* what stands here of the file or peer may be that of another descriptor, or the caller's word */
	CALL_HAS_MODE = 1 << 3,        /* the call may create: `mode` counts */
	CALL_HAS_FD = 1 << 4,          /* `fd` counts */
	CALL_IN_MOUNT_NS = 1 << 5,     /* the mount namespace is not the host's: `mount_ns` counts */
	CALL_HAS_FILE = 1 << 6,        /* inode and device count */
};

/* What is behind a descriptor. */
enum file_kind {
	FILE_UNKNOWN = 0,
	FILE_REGULAR,
	FILE_DIRECTORY,
	FILE_SYMLINK,
	FILE_BLOCK_DEVICE,
	FILE_CHARACTER_DEVICE,
	FILE_PIPE,
	FILE_SOCKET,
	FILE_ANONYMOUS, /* eventfd, epoll, ... */
};

enum net_transport {
	NET_OTHER = 0,
	NET_TCP,
	NET_UDP,
	NET_UNIX,
	NET_ICMP,
	NET_RAW,
};

/* Of `net_flags`; the family decides how `local` and `peer` are to be read. */
enum net_flags {
	NET_IS_INET = 1 << 0,    /* addresses of 4 or 16 bytes, with ports */
	NET_IS_UNIX = 1 << 1,    /* addresses are paths; an abstract one begins with NUL */
	NET_HAS_SIZE = 1 << 2,   /* `requested` counts */
};

enum exec_flags {
	EXEC_ARGS_TRUNCATED = 1 << 0, /* more argument bytes than the limit */
	EXEC_ARGS_FAULT = 1 << 1,     /* a page of the arguments could not be read */
	EXEC_ARGC_UNKNOWN = 1 << 2,   /* this rung cannot count the arguments */
	EXEC_ENVIRONMENT_CUT = 1 << 3, /* TRACEPARENT is wanted, and the environment was not searched to its end */
};

enum fork_flags {
	FORK_THREAD = 1 << 0,
	FORK_CALL_UNKNOWN = 1 << 1,
	FORK_CLONE_FLAGS_UNKNOWN = 1 << 2,
};

/* Whom the configuration leaves out: what an entry of the map `excluded` is about. */
enum excluded_flags {
	EXCLUDED_PROCESS = 1 << 0,    /* id: thread group; also: its start in 1/100 s since boot */
	EXCLUDED_CGROUP = 1 << 1,     /* id: cgroup, for it and all below it */
	EXCLUDED_EXECUTABLE = 1 << 2, /* id: inode; also: device as the kernel numbers it */
};

struct excluded_key {
	__u64 id;
	__u64 also;
	__u32 kind;
	__u32 zero;
};

/* What is done with execs, forks and exits; bits of `process_settings.wants`. */
enum process_want {
	PROCESS_WANT_EVENT = 1 << 0, /* they become records */
	PROCESS_WANT_COUNT = 1 << 1, /* execs and exits are counted in `process_counts` */
	PROCESS_WANT_TRACEPARENT = 1 << 2, /* records of execs have the TRACEPARENT of the new image */
};

/* What all who ask for processes need together; it may change while the programs run. */
struct process_settings {
	__u32 args_max;     /* most bytes of arguments in a record, at most 65536 */
	__u32 want_threads; /* whether forks that make a thread are told; 0 or 1 */
	__u32 wants;        /* enum process_want */
};

/*
 * A cgroup as all records have it. In the v2 hierarchy its own number there; of a process that is in the root of that one, or where it is not
 * mounted, the number in a v1 hierarchy, the same one for all, with the number of that hierarchy (1..255) above it: numbers of hierarchies are alike.
 * Where an init system mirrors its tree in v2 it is the other way round: v1, and v2 for who is in the root of v1.
 * Both stay below 2^53. 0: not known.
 */
#define CGROUP_HIERARCHY_SHIFT 45

/*
 * Who did it: the acting process at that moment. Identical actors of one frame are handed over once, so this is
 * compared as bytes; every byte is set.
 */
struct event_actor {
	__u32 pid;             /* thread group id in the initial pid namespace */
	__u32 tid;
	__u32 ppid;            /* real parent's thread group id */
	__u32 exec_id;         /* task_struct.self_exec_id */
	__u64 start_ns;        /* boot time at which the group leader began */
	__u64 parent_start_ns;
	__u64 cgroup_id;       /* see CGROUP_HIERARCHY_SHIFT */
	__u32 uid;             /* real */
	__u32 euid;
	__u32 login_uid;       /* audit login uid; 0xffffffff = unset */
	__u32 vpid;            /* thread group id in its own pid namespace */
	__u32 flags;           /* head_flags */
	__u32 parent_exec_id;
	char comm[16];         /* of the thread */
};

struct event_head {
	__u16 kind;
	__u16 version;         /* of this header file: 1 */
	__u32 len;             /* of the whole record, in bytes */
	__u64 boot_ns;         /* when it happened, CLOCK_BOOTTIME */
	struct event_actor actor;
};

/*
 * Where in a trace a thread is: an entry of the map that OpenTelemetry's eBPF instrumentation pins, by bpf_get_current_pid_tgid(). 16 bytes of the
 * trace and 8 of the span, as they stand on the wire.
 */
struct trace_context {
	__u64 trace_id[2];
	__u64 span_id;
};

#define CONTEXT_ENTRIES 16384 /* of that map; before 5.10 a map in its place must have as many */
#define CONTEXT_KIND 0xffff   /* no enum event_kind */

/* Stands before the head of a record whose thread was in a trace, as a part of that record. */
struct context_head {
	__u16 kind;            /* CONTEXT_KIND */
	__u16 version;         /* 1 */
	__u32 len;             /* of both together */
	struct trace_context context;
};

struct fork_event {
	struct event_head head; /* the maker */
	__u64 child_start_ns;
	__u64 clone_flags;
	__u32 child_pid;
	__u32 child_tid;
	__u32 child_exec_id;
	__u32 child_vpid;
	__s32 syscall_nr;      /* the call that made it; -1 unknown */
	__u32 fork_flags;
	__u32 compat;          /* 1: syscall_nr is an ia32 number */
	__u32 child_head_flags;
};

struct exec_event {
	struct event_head head; /* the new image */
	__u64 inode;
	__u32 dev;
	__u32 session_leader_pid;
	__u32 argc;            /* of all arguments, kept or not */
	__u32 args_total;      /* bytes of all arguments */
	__u32 exec_flags;
	__u32 path_flags;
	__u32 cwd_flags;
	__u32 old_tid;         /* the thread that called exec */
	__s32 syscall_nr;      /* -1 unknown */
	__s32 ret;             /* 0 */
	__u32 pad;
	text_len path_len;        /* the executable, as the kernel resolved it */
	text_len cwd_len;
	text_len file_len;        /* what exec was asked for */
	list_len args_len;        /* the arguments, each ended by NUL */
	text_len traceparent_len; /* value of the first TRACEPARENT of its environment, when that is wanted */
};

struct exit_event {
	struct event_head head;
	__u64 duration_ns;     /* since the process began */
	__u32 exit_code;       /* 0..255 */
	__u32 exit_signal;     /* 0 = it was not killed */
	__u32 core_dumped;
	__u32 pad;
};

struct task_event {
	struct event_head head;
	__u64 inode;
	__u32 dev;
	__u32 session_leader_pid;
	__u32 path_flags;
	text_len path_len;
};

/* Of the hierarchies that `cgroup_id` may be about; the others are left out. The head is who made, removed or moved. */
struct cgroup_made_event {
	struct event_head head;
	__u64 cgroup_id;
	__u32 level;           /* below the root of its hierarchy, which is 0 */
	text_len path_len;     /* from that root, `/a/b` */
};

struct cgroup_gone_event {
	struct event_head head;
	__u64 cgroup_id;
};

struct cgroup_attached_event {
	struct event_head head;
	__u64 cgroup_id;       /* where it is now */
	__u64 start_ns;        /* of the process that was moved */
	__u32 pid;             /* its thread group */
	__u32 pad;
};

struct exec_failed_event {
	struct event_head head; /* the image that stays */
	__s32 ret;             /* negative errno */
	__s32 syscall_nr;
	__s32 dirfd;           /* AT_FDCWD = -100 */
	__u32 exec_flags;
	__u32 compat;
	text_len file_len;
};

/* What is done with a call that ended; bits of `call_settings.wants`. */
enum call_want {
	CALL_WANT_EVENT = 1 << 0,   /* it becomes a record */
	CALL_WANT_FAILURE = 1 << 1, /* it becomes a record when it failed */
	CALL_WANT_COUNT = 1 << 2,   /* it is counted in `call_counts` */
};

/* Whose records share a token bucket. */
enum limit_per {
	LIMIT_NONE = 0,
	LIMIT_CGROUP = 1,
	LIMIT_PROCESS = 2,
};

/* `process_counts`: a hash with a value a CPU. */
struct process_count_key {
	__u64 cgroup_id;
	__u64 netns_cookie; /* of the process; 0: not known */
	__u32 uid;          /* effective */
	__u32 flags;        /* HEAD_NESTED_PID_NS: the user is perhaps one of a container; or 0 */
};

/* Its value; also the only one of `process_rest`, an array with a value a CPU, for what finds no room. */
struct process_count {
	__u64 execs;
	__u64 exits;
};

/* Value of `alive_counts`, a hash of the same key, of all users together, that a walk fills; also the only one of the array `alive_rest`. */
struct alive_count {
	__u64 processes;
};

#define CALL_NUMBERS 512 /* numbers that are looked at, in each of the two tables */

/* The only entry of the map `call_settings`; it may change while the programs run. */
struct call_settings {
	__u8 native[CALL_NUMBERS]; /* enum call_id by the number of the call; 0: nobody wants it */
	__u8 compat[CALL_NUMBERS]; /* the same for calls made by the ia32 way */
	__u8 wants[CALL_IDS];      /* enum call_want by call */
	__u64 token_ns;            /* time in which a bucket gains one token */
	__u32 limit_per;           /* enum limit_per */
	__u32 burst;               /* tokens of a full bucket */
	__u32 aggregate;           /* 1: reads and writes are added up in `io_totals` and make no records */
	__u32 enter_round;         /* how often the program of enters was attached; what it kept in another round counts no more */
};

#define EXECUTABLE_NAME_BYTES 64
#define TOTAL_PATH_BYTES 512

/* `call_counts`: a hash with a value a CPU. */
struct call_count_key {
	__u64 cgroup_id;
	__u64 netns_cookie; /* of a call of the network; else 0 */
	__u64 inode; /* of the executable */
	__u32 dev;
	__u16 call;  /* enum call_id */
	__u16 error; /* errno, 0 = success */
	__u32 generation; /* of the inode, whose number another file gets later */
	__u32 zero;
};

struct call_count {
	__u64 calls;
	__u64 bytes;        /* transferred */
};

/* `call_names`: what executables are called; an entry is made before the first count. A kernel thread has none. */
struct call_name_key {
	__u64 inode;
	__u32 dev;
	__u32 generation;
};

struct call_name {
	char name[EXECUTABLE_NAME_BYTES]; /* last part of the path by which it was started when it was first met */
};

/* `io_totals`: one entry a process, file and direction; it only grows until user space takes it out. */
struct io_total_key {
	__u64 start_ns; /* of the process */
	__u64 inode;
	__u32 pid;
	__u32 dev;
	__u32 kind;     /* EVENT_READ or EVENT_WRITE */
	__u32 exec_id;  /* another program of the same process has a sum of its own */
};

struct io_total {
	struct event_actor actor; /* of the first call */
	__u64 first_ns;           /* boot time of the first call, and of the last one */
	__u64 last_ns;
	__u64 calls;
	__u64 failed;
	__u64 requested;
	__u64 transferred;
	__s32 fd;                 /* -1: several */
	__u32 call;               /* enum call_id; CALL_NONE: several */
	__u32 file_kind;
	__u32 path_flags;
	__u32 path_len;
	__u32 zero;
	char path[TOTAL_PATH_BYTES];
};

/* What every record of a system call has after its head. */
#define CALL_FIELDS \
	struct event_head head; \
	__s32 ret;             /* what the call returned */ \
	__u32 call;            /* enum call_id */ \
	__u32 call_flags;

struct open_event {
	CALL_FIELDS
	__u32 mode;            /* as asked for, with CALL_HAS_MODE */
	__u64 flags;           /* as asked for, O_* */
	__u64 inode;
	__u32 dev;
	__u32 path_flags;
	__u32 mount_ns;        /* number of the namespace's inode */
	text_len path_len;     /* absolute; of a failed call the directory and what was asked for */
	text_len name_len;     /* what was asked for */
	text_len root_len;     /* the root of the process, when it is not that of its mount namespace */
};

#define IO_FIELDS \
	CALL_FIELDS \
	__s32 fd; \
	__u64 requested;       /* bytes; of all parts together */ \
	__u64 inode; \
	__u32 dev; \
	__u32 file_kind; \
	__u32 path_flags; \
	text_len path_len;     /* absolute, or pipe:[1], socket:[1], anon_inode:[eventfd] as /proc shows them */

struct read_event {
	IO_FIELDS
};

struct write_event {
	IO_FIELDS
};

struct unlink_event {
	CALL_FIELDS
	__u32 flags;           /* AT_REMOVEDIR */
	__u32 path_flags;
	__u32 mount_ns;
	text_len path_len;     /* the directory and what was asked for */
	text_len name_len;
	text_len root_len;
};

#define NET_FIELDS \
	CALL_FIELDS \
	__s32 fd;              /* of an accept that succeeded the new one */ \
	__u64 requested;       /* bytes of all parts together; with NET_HAS_SIZE */ \
	__u64 netns_cookie;    /* 0 = not known */ \
	__u32 family;          /* AF_* */ \
	__u32 transport;       /* enum net_transport */ \
	__u32 net_flags; \
	__u32 local_port; \
	__u32 peer_port; \
	text_len local_len;    /* bytes of the address, see net_flags */ \
	text_len peer_len;

struct connect_event {
	NET_FIELDS
};

struct accept_event {
	NET_FIELDS
};

struct send_event {
	NET_FIELDS
};

struct receive_event {
	NET_FIELDS
};

struct close_event {
	NET_FIELDS
};

struct call_failed_event {
	CALL_FIELDS
	__u32 pad;
	__u64 clone_flags;     /* of clone and clone3 */
};

struct sample_event {
	struct event_head head;
	__u64 bytes;
	__s32 ret;
	__u32 fd;
	__u32 flags;
	text_len name_len;
};

/* Value of the per-CPU array `counters`, indexed by event_kind. seen = filtered + limited + aggregated + lost + written. */
struct event_counters {
	__u64 seen;
	__u64 filtered;
	__u64 limited;
	__u64 aggregated;
	__u64 lost;
	__u64 written;
};

#include "packets.h"
#include "sessions.h"

#endif

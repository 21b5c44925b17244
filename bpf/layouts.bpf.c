// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Names every record once, so that clang emits its BTF: the generator of the TypeScript layout reads this object, no kernel does.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "events.h"

struct fork_event fork_event;
struct exec_event exec_event;
struct exit_event exit_event;
struct task_event task_event;
struct exec_failed_event exec_failed_event;
struct sample_event sample_event;
struct event_counters event_counters;
enum event_kind event_kind;
enum head_flags head_flags;
enum path_flags path_flags;
enum exec_flags exec_flags;
enum fork_flags fork_flags;
enum excluded_flags excluded_flags;

char LICENSE[] SEC("license") = "Dual BSD/GPL";

// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Names every record once, so that clang emits its BTF: the generator of the TypeScript layout reads this object, no kernel does.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "events.h"
#include "rules.h"

struct fork_event fork_event;
struct exec_event exec_event;
struct exit_event exit_event;
struct task_event task_event;
struct exec_failed_event exec_failed_event;
struct sample_event sample_event;
struct open_event open_event;
struct read_event read_event;
struct write_event write_event;
struct unlink_event unlink_event;
struct connect_event connect_event;
struct accept_event accept_event;
struct send_event send_event;
struct receive_event receive_event;
struct close_event close_event;
struct call_failed_event call_failed_event;
struct session_start_event session_start_event;
struct session_state_event session_state_event;
struct session_end_event session_end_event;
struct session_listen_event session_listen_event;
struct cgroup_made_event cgroup_made_event;
struct cgroup_gone_event cgroup_gone_event;
struct cgroup_attached_event cgroup_attached_event;
struct event_counters event_counters;
enum event_kind event_kind;
enum head_flags head_flags;
enum path_flags path_flags;
enum exec_flags exec_flags;
enum fork_flags fork_flags;
enum excluded_flags excluded_flags;
enum call_flags call_flags;
enum call_want call_want;
enum process_want process_want;
enum limit_per limit_per;
struct process_count_key process_count_key;
struct process_count process_count;
struct alive_count alive_count;
struct call_settings call_settings;
struct call_count_key call_count_key;
struct call_count call_count;
struct call_name_key call_name_key;
struct call_name call_name;
struct io_total_key io_total_key;
struct io_total io_total;
struct rule_text_key rule_text_key;
struct rule_comm_key rule_comm_key;
struct rule_peer_key rule_peer_key;
struct rule_value_key rule_value_key;
struct rule_text rule_text;
struct rule_value rule_value;
struct rule_stage rule_stage;
struct rule_class rule_class;
struct rule_set rule_set;
enum rule_field rule_field;
enum rule_looks rule_looks;
enum call_id call_id;
enum file_kind file_kind;
enum net_transport net_transport;
enum net_flags net_flags;
struct session session;
struct socket_holder socket_holder;
struct flow_key flow_key;
struct session_settings session_settings;
struct session_rule session_rule;
struct session_rule_set session_rule_set;
struct packet_key packet_key;
struct packet_count packet_count;
struct session_count_key session_count_key;
struct session_count session_count;
struct session_live session_live;
struct session_rest session_rest;
enum session_role session_role;
enum session_known_by session_known_by;
enum session_flags session_flags;
enum session_state session_state;
enum session_want session_want;
enum session_rule_flags session_rule_flags;
enum session_stat session_stat;
enum session_step session_step;
enum session_duration session_duration;

char LICENSE[] SEC("license") = "Dual BSD/GPL";

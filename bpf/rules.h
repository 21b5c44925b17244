/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only OR BSD-2-Clause */
/*
 * Filter rules as user space compiles them. Each class of rules is one bit of a mask. A look-up of a field gives the bits whose test of that field
 * matches; the bits that are left when all fields were looked up are the classes that match. The layout of these is generated for user space.
 */
#ifndef RINGTAIL_RULES_H
#define RINGTAIL_RULES_H

#include "events.h"

#define RULE_FILTERS 4     /* pipelines that begin with different filters */
#define RULE_CLASSES 64    /* bits of a mask */
#define RULE_SLOTS 8       /* classes of one field that hold several rules */
#define RULE_TEXT_BYTES 255 /* of a path that are looked at */
#define RULE_COUNTS 10240  /* numbers of rules; 0 is none */

/* What a rule tests. A look-up of those before RULE_NAMED can name the rule. */
enum rule_field {
	RULE_COMM = 0,
	RULE_EXECUTABLE,
	RULE_UID,
	RULE_PID,
	RULE_PARENT_PID,
	RULE_PATH,
	RULE_ADDRESS,
	RULE_PORT,
	RULE_RESULT,
	RULE_FIELDS,
};

#define RULE_NAMED RULE_RESULT

/* `tag` says of which generation an entry is: while one is in force, the next is entered beside it. */
struct rule_text_key {
	__u32 prefixlen; /* bits of what follows */
	__u8 tag;
	char text[RULE_TEXT_BYTES];
};

struct rule_comm_key {
	__u32 prefixlen;
	__u8 tag;
	char text[16];
	__u8 zero[3];
};

struct rule_peer_key {
	__u32 prefixlen;
	__u8 tag;
	__u8 bytes[16]; /* an IPv4 address as the v4-mapped one */
	__u8 zero[3];
};

struct rule_value_key {
	__u32 value;
	__u16 field; /* enum rule_field; of RULE_RESULT the value is an errno */
	__u16 tag;
};

/*
 * The longest text that begins what is looked up. [0] is what holds of everything that begins so, the tests of shorter texts with it; [1] is what
 * holds of this text itself. `names` are eight numbers of rules, a slot each.
 */
struct rule_text {
	__u64 masks[2];
	__u64 names[2][2];
	__u32 len;
	__u32 zero;
};

struct rule_value {
	__u64 mask;
	__u64 names[2];
};

/* The bits of one stage of one filter. */
struct rule_stage {
	__u64 drop;
	__u64 keep;
};

/* Which rule a bit stands for: `rule`, or the one that the look-up of the field named in that slot. */
struct rule_class {
	__u8 field;
	__u8 slot;
	__u16 rule;
};

/* What answers about an actor depend on, beside its name. */
enum rule_looks {
	RULE_LOOKS_EXECUTABLE = 1 << 0,
	RULE_LOOKS_UID = 1 << 1,
	RULE_LOOKS_PARENT = 1 << 2,
};

/* A generation: the only entry of the map inside `rules`. What every call looks at comes first. */
struct rule_set {
	__u32 generation;
	__u32 looks;     /* enum rule_looks */
	__u32 droppable; /* a bit a kind */
	__u32 filters;
	__u32 tag;
	__u32 zero;
	__u64 later;      /* bits that test a path or a peer */
	__u64 results[2]; /* of success, failure: bits that match without a look at the error */
	struct rule_stage stages[RULE_FILTERS][2];
	__u64 tests[RULE_FIELDS]; /* bits that test the field */
	__u64 kinds[EVENT_KINDS]; /* bits that events of the kind can match */
	__u64 actors[4];          /* by enum head_flags: bits that match, or do not look at them */
	struct rule_class classes[RULE_CLASSES];
};

#endif

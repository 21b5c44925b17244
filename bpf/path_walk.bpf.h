/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a walk up a path has in hand, what it notes on its way, and the names that it puts together. */
#ifndef RINGTAIL_PATH_WALK_BPF_H
#define RINGTAIL_PATH_WALK_BPF_H

#include "common.bpf.h"
#include "kread.bpf.h"

#define PATH_BYTES 4096
#define NAME_BYTES 256
#define PATH_TRIES 8
#ifdef RINGTAIL_LEGACY
#define PATH_COMPONENTS 512 /* the verifier of 5.10 ends at a million instructions */
#else
#define PATH_COMPONENTS 2048
#define PATH_COMPONENTS_NEAR 12 /* gone without a call for each; most paths end here */
#define PATH_PLACES 32          /* that are remembered on the way, to look at them again */
#define NAME_BY_WORDS 32        /* most bytes of a name that is not copied by the helper */
#endif
#ifndef PATH_BEHIND_BYTES
#define PATH_BEHIND_BYTES PATH_BYTES
#endif

#ifndef RINGTAIL_LEGACY
/* A word that decided the way, and what it held. */
struct path_place {
	__u64 address;
	__u32 value;
	__u32 zero;
};
#endif

struct path_walk {
	__u64 path, root; /* addresses of struct path; root 0 = do not look for it */
	__u64 dentry, mount, mount_root;
	__u64 from_dentry, from_mount, from_mount_root;
	__u64 root_dentry, root_mount;
	__u64 namespace;  /* the mnt_namespace that it ended in; 0 = none */
	__u64 check;      /* of the places that were passed and their sequence numbers */
	__u64 noted;      /* the last place */
	__u64 stop;       /* the dentry whose name found no room */
	__u32 at;         /* where the path begins in `text` */
	__u32 root_at;    /* where it began when the walk passed the root of the process; 0 = it did not */
	__u32 flags;      /* path_flags */
	__u32 torn;       /* a rename came in between, each time */
	__u32 checking;   /* the second time */
	__u32 places;     /* that were passed; beyond PATH_PLACES they are only counted */
#ifndef RINGTAIL_LEGACY
	struct path_place passed[PATH_PLACES];
#endif
	char front[NAME_BYTES]; /* room that the verifier wants on both sides, and for what a record has before its path */
	char text[PATH_BYTES];
	char behind[PATH_BEHIND_BYTES + NAME_BYTES];
};

enum walk_slot { WALK_EVENT = 0, WALK_ITERATOR = 1, WALK_SLOTS = 2 };

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WALK_SLOTS);
	__type(key, __u32);
	__type(value, struct path_walk);
} walks SEC(".maps");

/* `what` may be a pointer; through memory it becomes a number, with which the verifier lets us reckon. */
static __always_inline void walk_note(struct path_walk *walk, __u64 what)
{
	__u64 check = walk->check;

	*(volatile __u64 *)&walk->noted = what;
	walk->check = ((check << 7 | check >> 57) ^ *(volatile __u64 *)&walk->noted) * 0x9e3779b97f4a7c15;
}

/* Remembers the low half of a word that decides where the way goes on. `address` may be a pointer. */
static __always_inline void walk_pass(struct path_walk *walk, __u64 address, __u32 value)
{
#ifndef RINGTAIL_LEGACY
	__u32 place = walk->places;

	if (walk->checking)
		return;
	walk->places = place + 1;
	barrier_var(place);
	if (place >= PATH_PLACES)
		return;
	walk->passed[place].address = address;
	walk->passed[place].value = value;
#endif
}

#ifndef RINGTAIL_LEGACY
#define PUT_WORD(walk, at, value) (*(__u64 *)((walk)->text + (at)) = (value))

/*
 * A short name, by plain loads: whole words from its front, the last one so that it ends where the name ends. Of a name of less than a word only its
 * bytes are changed. Nothing behind a name is read that does not belong to its memory: that is a multiple of words.
 */
static __always_inline void copy_words(struct path_walk *walk, __u32 at, __u32 len, __u64 name)
{
	__u64 word, mask, behind;
	__u32 last;

	KREAD_WORD(word, name);
	if (len < sizeof(word)) {
		mask = (1ULL << len * 8) - 1;
		behind = *(__u64 *)(walk->text + at);
		PUT_WORD(walk, at, (word & mask) | (behind & ~mask));
		return;
	}
	PUT_WORD(walk, at, word);
	if (len > 2 * sizeof(word)) {
		KREAD_WORD(word, name + sizeof(word));
		PUT_WORD(walk, at + sizeof(word), word);
		KREAD_WORD(word, name + len - 2 * sizeof(word));
		last = at + len - 2 * sizeof(word);
		barrier_var(last);
		PUT_WORD(walk, last & (PATH_BYTES - 1), word);
	}
	KREAD_WORD(word, name + len - sizeof(word));
	last = at + len - sizeof(word);
	barrier_var(last);
	PUT_WORD(walk, last & (PATH_BYTES - 1), word);
}
#endif

static __always_inline void copy_name(struct path_walk *walk, __u32 at, __u32 len, __u64 name)
{
#ifndef RINGTAIL_LEGACY
	if (HAVE_RDONLY_CAST && len && len <= NAME_BY_WORDS) {
		/* a number from now on, see walk_note */
		*(volatile __u64 *)&walk->noted = name;
		copy_words(walk, at, len, *(volatile __u64 *)&walk->noted);
		return;
	}
#endif
	if (bpf_probe_read_kernel(walk->text + at, len, (void *)name))
		walk->flags |= PATH_FAULT;
}

/* Prepends the name of the dentry. Returns 1 when there is no room for it. */
static __always_inline int walk_name(struct path_walk *walk, __u64 dentry)
{
	__u32 len, at = walk->at;
	__u64 name;

	KREAD(name, dentry, dentry, d_name.name);
	KREAD(len, dentry, dentry, d_name.len);
	if (len > NAME_BYTES - 1) {
		len = NAME_BYTES - 1;
		walk->flags |= PATH_FAULT;
	}
	if (at < len + 1) {
		walk->flags |= PATH_TRUNCATED;
		walk->stop = dentry;
		return 1;
	}
	at -= len + 1;
	at &= PATH_BYTES - 1;
	barrier_var(len);
	len &= NAME_BYTES - 1;
	walk->text[at] = '/';
	copy_name(walk, at + 1, len, name);
	walk->at = at;
	return 0;
}

#endif

// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The same for kernels without bpf_loop (5.8 to 5.16).
#define RINGTAIL_LEGACY
#include "session-rules.bpf.c"

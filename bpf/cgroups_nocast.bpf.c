// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The same programs for kernels with bpf_loop and without bpf_rdonly_cast (5.17 to 6.1).
#define RINGTAIL_NO_CAST
#include "cgroups.bpf.c"

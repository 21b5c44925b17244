// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <napi.h>

namespace ringtail {

// One look at the kernel, without a session: nothing stays loaded.

// namedMaps({ name, keyBytes, valueBytes, match? }): the entries of every hash of this name and of these sizes, whoever made it.
Napi::Value NamedMaps(const Napi::CallbackInfo &info);
// runOnce({ path, programs, options, mapEntries }, mostBytes): what these iterator programs write to their files, one behind the other.
Napi::Value RunOnce(const Napi::CallbackInfo &info);
// pinnedMap(path): of the map that is pinned there { id, type, keyBytes, valueBytes, entries, flags }, `type` by its number in linux/bpf.h.
Napi::Value PinnedMap(const Napi::CallbackInfo &info);

} // namespace ringtail

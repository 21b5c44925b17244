// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <napi.h>

namespace ringtail {

// facts({ functions, helpers, tracepoints }): what this kernel has, by its own BTF; never by its version number.
Napi::Value Facts(const Napi::CallbackInfo &info);
// lookupUsers(uids): names by NSS, off the main thread; null for a user that has none.
Napi::Value LookupUsers(const Napi::CallbackInfo &info);

} // namespace ringtail

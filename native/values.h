// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "layout.h"
#include "objects.h"

#include <napi.h>

namespace ringtail {

// Between JavaScript values and ours.

// An Error with `code` (ENOENT, …), `errno` and `log`.
Napi::Error ErrorOf(Napi::Env env, const Failure &failure);
void Throw(Napi::Env env, const Failure &failure);
void ThrowType(Napi::Env env, const char *what);

uint32_t NumberOr(const Napi::Object &options, const char *name, uint32_t otherwise);
// False, with a TypeError pending, when the value has another shape.
bool ReadLayouts(Napi::Env env, const Napi::Value &value, Layouts &layouts);
bool ReadSpec(Napi::Env env, const Napi::Value &value, ObjectSpec &spec);
bool ReadStrings(Napi::Env env, const Napi::Value &value, std::vector<std::string> &out);
bool ReadString(Napi::Env env, const Napi::Value &value, std::string &out);
// A Uint8Array.
bool ReadBytes(Napi::Env env, const Napi::Value &value, std::vector<uint8_t> &out);

// `{ offset, bytes }[]`; undefined is none.
bool ReadMatches(Napi::Env env, const Napi::Value &value, std::vector<EntryMatch> &out);
// `{ count, keyBytes, valueBytes, keys, values }`.
Napi::Object EntriesOf(Napi::Env env, const MapEntries &entries);

} // namespace ringtail

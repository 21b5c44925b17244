// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>

namespace ringtail {

uint64_t HashBytes(const uint8_t *data, size_t len);
// The same for a multiple of 16 bytes, twice as fast: two chains beside each other.
uint64_t HashPairs(const uint8_t *data, size_t len);
// By the definition of Unicode 15, table 3-7: no overlong forms, no surrogates, nothing above U+10FFFF.
bool IsUtf8(const uint8_t *data, size_t len);
size_t CountZeros(const uint8_t *data, size_t len);

} // namespace ringtail

// SPDX-License-Identifier: Apache-2.0
#include "strings.h"

#include <cstring>

namespace ringtail {

namespace {

constexpr uint64_t kMix = 0x9e3779b97f4a7c15ull;
constexpr uint64_t kHighBits = 0x8080808080808080ull;

uint64_t Word(const uint8_t *at)
{
	uint64_t word;
	std::memcpy(&word, at, sizeof(word));
	return word;
}

bool Continues(uint8_t byte)
{
	return (byte & 0xc0) == 0x80;
}

// Length of the sequence that begins here, 0 when it is malformed.
size_t SequenceAt(const uint8_t *at, size_t left)
{
	const uint8_t lead = at[0];
	if (lead < 0x80)
		return 1;
	if (lead < 0xc2 || lead > 0xf4)
		return 0;
	if (lead < 0xe0)
		return left >= 2 && Continues(at[1]) ? 2 : 0;
	if (lead < 0xf0) {
		if (left < 3 || !Continues(at[1]) || !Continues(at[2]))
			return 0;
		return (lead == 0xe0 && at[1] < 0xa0) || (lead == 0xed && at[1] > 0x9f) ? 0 : 3;
	}
	if (left < 4 || !Continues(at[1]) || !Continues(at[2]) || !Continues(at[3]))
		return 0;
	return (lead == 0xf0 && at[1] < 0x90) || (lead == 0xf4 && at[1] > 0x8f) ? 0 : 4;
}

} // namespace

uint64_t HashBytes(const uint8_t *data, size_t len)
{
	uint64_t hash = len * kMix;
	size_t i = 0;
	for (; i + 8 <= len; i += 8) {
		hash = (hash ^ Word(data + i)) * kMix;
		hash ^= hash >> 29;
	}
	uint64_t rest = 0;
	if (i < len)
		std::memcpy(&rest, data + i, len - i);
	hash = (hash ^ rest) * kMix;
	return hash ^ hash >> 32;
}

uint64_t HashPairs(const uint8_t *data, size_t len)
{
	uint64_t even = len, odd = kMix;
	for (size_t i = 0; i < len; i += 16) {
		even = (even ^ Word(data + i)) * kMix;
		even ^= even >> 29;
		odd = (odd ^ Word(data + i + 8)) * kMix;
		odd ^= odd >> 31;
	}
	const uint64_t hash = (even ^ (odd << 32 | odd >> 32)) * kMix;
	return hash ^ hash >> 32;
}

bool IsUtf8(const uint8_t *data, size_t len)
{
	size_t i = 0;
	while (i + 8 <= len && !(Word(data + i) & kHighBits))
		i += 8;
	if (len >= 8 && i + 8 > len && !(Word(data + len - 8) & kHighBits))
		return true; // all of it ASCII, the usual case
	while (i < len) {
		if (i + 8 <= len && !(Word(data + i) & kHighBits)) {
			i += 8;
			continue;
		}
		const size_t step = SequenceAt(data + i, len - i);
		if (!step)
			return false;
		i += step;
	}
	return true;
}

size_t CountZeros(const uint8_t *data, size_t len)
{
	size_t zeros = 0;
	for (size_t i = 0; i < len; i++)
		zeros += data[i] == 0;
	return zeros;
}

} // namespace ringtail

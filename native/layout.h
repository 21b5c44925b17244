// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "../bpf/events.h"

#include <array>
#include <cstdint>
#include <vector>

namespace ringtail {

enum class FieldRole : uint8_t { kNumber, kText, kList, kChars };

// One field of a record; it fills one column, or two: the halves of a 64-bit number, or first id and count of a list.
struct Field {
	uint16_t offset;
	uint16_t width;
	FieldRole role;
	uint32_t Columns() const { return role == FieldRole::kList || (role == FieldRole::kNumber && width == 8) ? 2 : 1; }
};

struct EventLayout {
	bool known = false;
	uint32_t size = 0;
	std::vector<Field> fields;
	// Time (two halves) and actor come before the fields.
	uint32_t columns = 3;
};

struct Layouts {
	std::array<EventLayout, EVENT_KINDS> events;
	std::vector<Field> actor;
	uint32_t actorColumns = 0;
};

} // namespace ringtail

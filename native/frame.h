// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "layout.h"
#include "ring.h"

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

namespace ringtail {

// The memory of one frame. It begins with a directory of u32 words that TypeScript reads (src/kernel/decode.ts):
//   0 rows in all kinds   1, 2 sequence (lo, hi)   3, 4 wall clock minus boot clock in ns (lo, hi)
//   5 actors   6 their columns   7 strings   8 their offsets   9 their lengths   10 their bytes   11 bytes of strings
//   12 batches, then for each: kind, rows, columns, column of contexts (0: no row has one)
// A context is a string of the bytes of struct trace_context; id 0: none.
// Places are byte offsets from the start; the columns of a table lie one behind the other, Stride(rows) words each.
// Words from one column to the next: an odd number of cache lines. With 8,192 rows the columns would lie 32 KiB apart, and a row, one
// word of each, would fall on a few sets of the caches and push itself out.
constexpr uint32_t Stride(uint32_t rows)
{
	return (((rows + 15) / 16) | 1) * 16;
}
constexpr uint32_t kMostStrideSlack = 31;
constexpr uint32_t kDirectoryWords = 13 + 4 * EVENT_KINDS;
// One record must always fit.
constexpr size_t kMinFrameBytes = 2 << 20;

struct Arena {
	uint8_t *memory = nullptr;
	size_t bytes = 0;
	int Map(size_t size);
	void Unmap();
};

// Splits records into the columns of one frame. Single-threaded; owns the hash tables that a frame needs while it is filled.
class Splitter {
public:
	Splitter(const Layouts &layouts, uint32_t maxRows);

	struct Result {
		uint32_t rows = 0;
		uint64_t malformed = 0; // records that no layout fits
		uint64_t position = 0;  // behind the last record that was taken
		bool more = false;      // the frame was full before the ring was empty
	};
	// Takes records from `ring` into `arena`; does not advance the ring. `raw`, when given, gets the same records as they are, one behind the
	// other; it holds no more than what the arena and the rows of a frame can.
	Result Fill(const Ring &ring, const Arena &arena, uint64_t sequence, int64_t wallOffsetNs, std::vector<uint8_t> *raw = nullptr);

private:
	struct Plan {
		uint32_t rows = 0;
		uint32_t strings = 1;
		size_t stringBytes = 0;
		uint32_t kindRows[EVENT_KINDS] = {};
		bool hasContexts[EVENT_KINDS] = {};
		uint64_t end = 0;
		uint64_t malformed = 0;
		bool more = false;
	};
	struct Slot {
		uint64_t hash;
		uint32_t generation;
		uint32_t id;
	};

	// A record without what may stand before its head, and that; null: nothing stands there.
	struct Opened {
		Ring::Record record;
		const trace_context *context;
	};

	// A place in the record that says how long a string or list is.
	struct Tail {
		uint16_t offset;
		bool isList;
	};

	Plan MakePlan(const Ring &ring, size_t arenaBytes) const;
	static Opened Open(const Ring::Record &record);
	const EventLayout *LayoutOf(const Ring::Record &record) const;
	uint32_t ActorOf(const event_actor *actor);
	uint32_t ContextOf(const trace_context *context);
	uint32_t StringOf(const uint8_t *data, uint32_t len);
	uint32_t AppendString(const uint8_t *data, uint32_t len);
	void PutRow(const Ring::Record &record, const EventLayout &layout, uint32_t *columns, uint32_t stride, uint32_t row);
	void PutFields(const std::vector<Field> &fields, const uint8_t *record, uint32_t fixed, uint32_t *column, uint32_t stride, uint32_t row);

	const Layouts &layouts_;
	uint32_t maxRows_;
	std::vector<Tail> tails_[EVENT_KINDS];
	std::vector<Slot> stringSlots_;
	std::vector<Slot> actorSlots_;
	std::vector<const event_actor *> actorKeys_;
	uint32_t generation_ = 0;
	// Of the frame that is being filled.
	uint32_t *stringOffsets_ = nullptr;
	uint32_t *stringLengths_ = nullptr;
	uint8_t *stringBytes_ = nullptr;
	uint32_t strings_ = 0;
	uint32_t stringEnd_ = 0;
	uint32_t *actorColumns_ = nullptr;
	uint32_t actorStride_ = 0;
	uint32_t actors_ = 0;
};

// Frames that go round between the drain thread and the pipeline.
class FramePool {
public:
	int Map(uint32_t frames, size_t bytes);
	~FramePool();
	// Gives the memory back; no frame may be out.
	void Unmap();
	const Arena &At(uint32_t index) const { return arenas_[index]; }
	uint32_t Size() const { return static_cast<uint32_t>(arenas_.size()); }
	// -1 when all are out.
	int Take();
	// False when that frame is not out.
	bool Give(uint32_t index);
	bool IsOut(uint32_t index);
	uint32_t Free();

private:
	std::mutex mutex_;
	std::vector<Arena> arenas_;
	std::vector<uint32_t> free_;
	std::vector<bool> out_;
};

} // namespace ringtail

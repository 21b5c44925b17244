// SPDX-License-Identifier: Apache-2.0
#include "frame.h"

#include "strings.h"

#include <cerrno>
#include <cstring>
#include <sys/mman.h>

namespace ringtail {

namespace {

constexpr uint32_t kNotUtf8 = 0x80000000u;
constexpr uint32_t kDirectoryBytes = (kDirectoryWords * 4 + 63) & ~63u;
// No record of ours comes near; it bounds what a row can take in a frame: nine bytes for each of its own at the most.
constexpr uint32_t kMaxRecordBytes = 128 << 10;
static_assert(kDirectoryBytes + 9 * kMaxRecordBytes + 16384 < kMinFrameBytes);

uint32_t SlotsFor(uint32_t entries)
{
	uint32_t slots = 16;
	while (slots < 2 * entries)
		slots *= 2;
	return slots;
}

template <typename T> T Load(const uint8_t *at)
{
	T value;
	std::memcpy(&value, at, sizeof(value));
	return value;
}

uint32_t LoadWord(const uint8_t *at, uint16_t width)
{
	return width == 4 ? Load<uint32_t>(at) : width == 2 ? Load<uint16_t>(at) : *at;
}

} // namespace

int Arena::Map(size_t size)
{
	void *at = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		return -errno;
	memory = static_cast<uint8_t *>(at);
	bytes = size;
	return 0;
}

void Arena::Unmap()
{
	if (memory)
		munmap(memory, bytes);
	memory = nullptr;
}

Splitter::Splitter(const Layouts &layouts, uint32_t maxRows)
	: layouts_(layouts), maxRows_(maxRows), actorSlots_(SlotsFor(maxRows)), actorKeys_(maxRows)
{
	uint32_t texts = 0;
	for (const EventLayout &layout : layouts.events) {
		uint32_t own = 0;
		std::vector<Tail> &tails = tails_[&layout - layouts.events.data()];
		for (const Field &field : layout.fields) {
			own += field.role == FieldRole::kText || field.role == FieldRole::kChars;
			if (field.role == FieldRole::kText || field.role == FieldRole::kList)
				tails.push_back({field.offset, field.role == FieldRole::kList});
		}
		texts = own > texts ? own : texts;
	}
	stringSlots_.resize(SlotsFor(maxRows * (texts + 2)));
}

Splitter::Opened Splitter::Open(const Ring::Record &record)
{
	const auto *head = reinterpret_cast<const context_head *>(record.data);
	if (record.discarded || record.len < sizeof(*head) || head->kind != CONTEXT_KIND || head->len > record.len || head->len < sizeof(*head))
		return {record, nullptr};
	return {{record.data + sizeof(*head), head->len - static_cast<uint32_t>(sizeof(*head)), false, record.next}, &head->context};
}

const EventLayout *Splitter::LayoutOf(const Ring::Record &record) const
{
	if (record.len < sizeof(event_head) || record.len > kMaxRecordBytes)
		return nullptr;
	const auto *head = reinterpret_cast<const event_head *>(record.data);
	if (head->kind >= EVENT_KINDS || head->len > record.len)
		return nullptr;
	const EventLayout &layout = layouts_.events[head->kind];
	if (!layout.known || head->len < layout.size)
		return nullptr;
	uint64_t need = layout.size;
	for (const Tail &tail : tails_[head->kind])
		need += Load<uint32_t>(record.data + tail.offset);
	return need <= head->len ? &layout : nullptr;
}

// How many records fit: the rows of each kind must be known before the first column can be placed.
Splitter::Plan Splitter::MakePlan(const Ring &ring, size_t arenaBytes) const
{
	Plan plan;
	size_t bytes = kDirectoryBytes + 64 + 4 * kMostStrideSlack * layouts_.actorColumns;
	plan.end = ring.Position();
	while (true) {
		const Ring::Record whole = ring.Peek(plan.end);
		if (!whole.data)
			return plan;
		const auto [record, context] = Open(whole);
		const EventLayout *layout = record.discarded ? nullptr : LayoutOf(record);
		if (!layout) {
			plan.malformed += !record.discarded;
			plan.end = record.next;
			continue;
		}
		uint32_t strings = context ? 2 : 1; // comm
		size_t stringBytes = sizeof(event_actor::comm) + (context ? sizeof(*context) : 0), at = layout->size;
		const uint32_t kind = reinterpret_cast<const event_head *>(record.data)->kind;
		for (const Tail &tail : tails_[kind]) {
			const uint32_t len = Load<uint32_t>(record.data + tail.offset);
			strings += tail.isList ? static_cast<uint32_t>(CountZeros(record.data + at, len)) + 1 : 1;
			stringBytes += len;
			at += len;
		}
		const uint32_t columns = layout->columns + 1; // a row with a context may follow
		size_t need = 4 * (columns + layouts_.actorColumns) + 8 * strings + stringBytes;
		need += plan.kindRows[kind] ? 0 : 4 * kMostStrideSlack * columns;
		if (plan.rows == maxRows_ || (plan.rows && bytes + need > arenaBytes)) {
			plan.more = true;
			return plan;
		}
		plan.kindRows[kind]++;
		plan.hasContexts[kind] |= context != nullptr;
		plan.rows++;
		plan.strings += strings;
		plan.stringBytes += stringBytes;
		plan.end = record.next;
		bytes += need;
	}
}

uint32_t Splitter::AppendString(const uint8_t *data, uint32_t len)
{
	const uint32_t id = strings_++;
	if (len)
		std::memcpy(stringBytes_ + stringEnd_, data, len);
	stringOffsets_[id] = stringEnd_;
	stringLengths_[id] = len | (IsUtf8(data, len) ? 0 : kNotUtf8);
	stringEnd_ += len;
	return id;
}

uint32_t Splitter::StringOf(const uint8_t *data, uint32_t len)
{
	if (!len)
		return 0;
	const uint64_t hash = HashBytes(data, len);
	const uint32_t mask = static_cast<uint32_t>(stringSlots_.size()) - 1;
	for (uint32_t i = static_cast<uint32_t>(hash) & mask;; i = (i + 1) & mask) {
		Slot &slot = stringSlots_[i];
		if (slot.generation != generation_) {
			slot = {hash, generation_, AppendString(data, len)};
			return slot.id;
		}
		if (slot.hash == hash && (stringLengths_[slot.id] & ~kNotUtf8) == len &&
			!std::memcmp(stringBytes_ + stringOffsets_[slot.id], data, len))
			return slot.id;
	}
}

// All zero is no id: W3C Trace Context, 3.2.2.3.
uint32_t Splitter::ContextOf(const trace_context *context)
{
	if (!context || !(context->trace_id[0] | context->trace_id[1]))
		return 0;
	return StringOf(reinterpret_cast<const uint8_t *>(context), sizeof(*context));
}

uint32_t Splitter::ActorOf(const event_actor *actor)
{
	static_assert(sizeof(*actor) % 16 == 0);
	const uint64_t hash = HashPairs(reinterpret_cast<const uint8_t *>(actor), sizeof(*actor));
	const uint32_t mask = static_cast<uint32_t>(actorSlots_.size()) - 1;
	for (uint32_t i = static_cast<uint32_t>(hash) & mask;; i = (i + 1) & mask) {
		Slot &slot = actorSlots_[i];
		if (slot.generation != generation_) {
			slot = {hash, generation_, actors_};
			actorKeys_[actors_] = actor;
			PutFields(layouts_.actor, reinterpret_cast<const uint8_t *>(actor), 0, actorColumns_, actorStride_, actors_);
			return actors_++;
		}
		if (slot.hash == hash && !std::memcmp(actorKeys_[slot.id], actor, sizeof(*actor)))
			return slot.id;
	}
}

void Splitter::PutFields(const std::vector<Field> &fields, const uint8_t *record, uint32_t fixed, uint32_t *column, uint32_t stride, uint32_t row)
{
	uint32_t at = fixed;
	for (const Field &field : fields) {
		const uint8_t *from = record + field.offset;
		switch (field.role) {
		case FieldRole::kNumber:
			column[row] = field.width == 8 ? Load<uint32_t>(from) : LoadWord(from, field.width);
			if (field.width == 8) {
				column += stride;
				column[row] = Load<uint32_t>(from + 4);
			}
			break;
		case FieldRole::kChars:
			column[row] = StringOf(from, static_cast<uint32_t>(strnlen(reinterpret_cast<const char *>(from), field.width)));
			break;
		case FieldRole::kText: {
			const uint32_t len = Load<uint32_t>(from);
			column[row] = StringOf(record + at, len);
			at += len;
			break;
		}
		case FieldRole::kList: {
			const uint32_t len = Load<uint32_t>(from);
			const uint8_t *item = record + at, *end = item + len;
			column[row] = strings_;
			const uint32_t first = strings_;
			while (item < end) {
				// what the limit cut has no end of its own
				const auto *zero = static_cast<const uint8_t *>(std::memchr(item, 0, static_cast<size_t>(end - item)));
				const uint8_t *stop = zero ? zero : end;
				AppendString(item, static_cast<uint32_t>(stop - item));
				item = zero ? zero + 1 : end;
			}
			column += stride;
			column[row] = strings_ - first;
			at += len;
			break;
		}
		}
		column += stride;
	}
}

void Splitter::PutRow(const Ring::Record &record, const EventLayout &layout, uint32_t *columns, uint32_t stride, uint32_t row)
{
	const auto *head = reinterpret_cast<const event_head *>(record.data);
	columns[row] = static_cast<uint32_t>(head->boot_ns);
	columns[stride + row] = static_cast<uint32_t>(head->boot_ns >> 32);
	columns[2 * stride + row] = ActorOf(&head->actor);
	PutFields(layout.fields, record.data, layout.size, columns + 3 * static_cast<size_t>(stride), stride, row);
}

Splitter::Result Splitter::Fill(const Ring &ring, const Arena &arena, uint64_t sequence, int64_t wallOffsetNs, std::vector<uint8_t> *raw)
{
	const Plan plan = MakePlan(ring, arena.bytes);
	if (raw) {
		raw->clear();
		raw->reserve(plan.end - ring.Position());
	}
	Result result;
	result.rows = plan.rows;
	result.malformed = plan.malformed;
	result.position = plan.end;
	result.more = plan.more;
	if (!plan.rows)
		return result;
	if (++generation_ == 0) { // 4 billion frames: the marks of old ones would look new
		for (Slot &slot : stringSlots_)
			slot.generation = 0;
		for (Slot &slot : actorSlots_)
			slot.generation = 0;
		generation_ = 1;
	}

	auto *directory = reinterpret_cast<uint32_t *>(arena.memory);
	uint32_t at = kDirectoryBytes, batches = 0;
	uint32_t *columns[EVENT_KINDS] = {}, *contexts[EVENT_KINDS] = {};
	uint32_t next[EVENT_KINDS] = {}, stride[EVENT_KINDS] = {};
	for (uint32_t kind = 0; kind < EVENT_KINDS; kind++) {
		if (!plan.kindRows[kind])
			continue;
		columns[kind] = reinterpret_cast<uint32_t *>(arena.memory + at);
		uint32_t *entry = directory + 13 + 4 * batches++;
		entry[0] = kind;
		entry[1] = plan.kindRows[kind];
		entry[2] = at;
		stride[kind] = Stride(plan.kindRows[kind]);
		at += 4 * layouts_.events[kind].columns * stride[kind];
		entry[3] = plan.hasContexts[kind] ? at : 0;
		if (!plan.hasContexts[kind])
			continue;
		contexts[kind] = reinterpret_cast<uint32_t *>(arena.memory + at);
		at += 4 * stride[kind];
	}
	actorColumns_ = reinterpret_cast<uint32_t *>(arena.memory + at);
	actorStride_ = Stride(plan.rows);
	const uint32_t actorPlace = at;
	at += 4 * layouts_.actorColumns * actorStride_;
	stringOffsets_ = reinterpret_cast<uint32_t *>(arena.memory + at);
	const uint32_t offsetPlace = at;
	at += 4 * plan.strings;
	stringLengths_ = reinterpret_cast<uint32_t *>(arena.memory + at);
	const uint32_t lengthPlace = at;
	at += 4 * plan.strings;
	stringBytes_ = arena.memory + at;
	actors_ = 0;
	strings_ = 0;
	stringEnd_ = 0;
	AppendString(nullptr, 0);

	uint64_t position = ring.Position();
	while (position < plan.end) {
		const Ring::Record whole = ring.Peek(position);
		position = whole.next;
		const auto [record, context] = Open(whole);
		const EventLayout *layout = record.discarded ? nullptr : LayoutOf(record);
		if (!layout)
			continue;
		const auto *head = reinterpret_cast<const event_head *>(record.data);
		const uint32_t row = next[head->kind]++;
		PutRow(record, *layout, columns[head->kind], stride[head->kind], row);
		if (contexts[head->kind])
			contexts[head->kind][row] = ContextOf(context);
		if (raw)
			raw->insert(raw->end(), whole.data, record.data + head->len);
	}

	directory[0] = plan.rows;
	directory[1] = static_cast<uint32_t>(sequence);
	directory[2] = static_cast<uint32_t>(sequence >> 32);
	directory[3] = static_cast<uint32_t>(wallOffsetNs);
	directory[4] = static_cast<uint32_t>(static_cast<uint64_t>(wallOffsetNs) >> 32);
	directory[5] = actors_;
	directory[6] = actorPlace;
	directory[7] = strings_;
	directory[8] = offsetPlace;
	directory[9] = lengthPlace;
	directory[10] = at;
	directory[11] = stringEnd_;
	directory[12] = batches;
	return result;
}

int FramePool::Map(uint32_t frames, size_t bytes)
{
	for (uint32_t i = 0; i < frames; i++) {
		Arena arena;
		const int error = arena.Map(bytes);
		if (error)
			return error;
		arenas_.push_back(arena);
		free_.push_back(frames - 1 - i);
		out_.push_back(false);
	}
	return 0;
}

FramePool::~FramePool()
{
	Unmap();
}

void FramePool::Unmap()
{
	const std::lock_guard lock(mutex_);
	for (Arena &arena : arenas_)
		arena.Unmap();
	arenas_.clear();
	free_.clear();
	out_.clear();
}

int FramePool::Take()
{
	const std::lock_guard lock(mutex_);
	if (free_.empty())
		return -1;
	const uint32_t index = free_.back();
	free_.pop_back();
	out_[index] = true;
	return static_cast<int>(index);
}

bool FramePool::Give(uint32_t index)
{
	const std::lock_guard lock(mutex_);
	if (index >= arenas_.size() || !out_[index])
		return false;
	out_[index] = false;
	free_.push_back(index);
	return true;
}

bool FramePool::IsOut(uint32_t index)
{
	const std::lock_guard lock(mutex_);
	return index < out_.size() && out_[index];
}

uint32_t FramePool::Free()
{
	const std::lock_guard lock(mutex_);
	return static_cast<uint32_t>(free_.size());
}

} // namespace ringtail

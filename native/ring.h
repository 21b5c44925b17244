// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

namespace ringtail {

// The consumer's side of a ring of records: a BPF ring buffer, or memory of our own that is laid out the same way, so that
// tests and benchmarks can write records without a kernel program.
class Ring {
public:
	Ring() = default;
	~Ring();
	Ring(const Ring &) = delete;
	Ring &operator=(const Ring &) = delete;

	// Maps the ring of a BPF map. The descriptor stays the caller's. Returns 0 or -errno.
	int MapKernel(int mapFd, size_t bytes);
	// Makes a ring in memory. Returns 0 or -errno.
	int MapMemory(size_t bytes);
	void Unmap();

	size_t Bytes() const { return bytes_; }
	size_t Used() const;

	struct Record {
		const uint8_t *data; // null: nothing to read
		uint32_t len;
		bool discarded;
		uint64_t next; // position behind the record
	};
	uint64_t Position() const { return consumer_ ? consumer_->load(std::memory_order_relaxed) : 0; }
	Record Peek(uint64_t position) const;
	// Gives everything before `position` back to the writer.
	void Advance(uint64_t position);

	// Memory ring only: appends one record; false when there is no room.
	bool Append(const uint8_t *data, uint32_t len);
	// Memory ring only: forgets what was not read.
	void Clear();

private:
	std::atomic<uint64_t> *consumer_ = nullptr;
	std::atomic<uint64_t> *producer_ = nullptr;
	uint8_t *data_ = nullptr;
	size_t bytes_ = 0;
	void *consumerMap_ = nullptr;
	void *producerMap_ = nullptr;
	size_t producerMapBytes_ = 0;
	bool memory_ = false;
};

} // namespace ringtail

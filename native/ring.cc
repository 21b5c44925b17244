// SPDX-License-Identifier: Apache-2.0
#include "ring.h"

#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

namespace ringtail {

namespace {

// Layout of a BPF ring buffer: a page with the consumer's position, a page with the producer's, the data twice in a row.
// Each record has eight bytes before it: its length with two flag bits, and a page offset. Source: kernel/bpf/ringbuf.c.
constexpr uint32_t kBusyBit = 1u << 31;
constexpr uint32_t kDiscardBit = 1u << 30;
constexpr uint32_t kHeaderBytes = 8;

uint32_t Rounded(uint32_t len)
{
	return (len + kHeaderBytes + 7) & ~7u;
}

} // namespace

Ring::~Ring()
{
	Unmap();
}

int Ring::MapKernel(int mapFd, size_t bytes)
{
	const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
	void *consumer = mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED, mapFd, 0);
	if (consumer == MAP_FAILED)
		return -errno;
	void *producer = mmap(nullptr, page + 2 * bytes, PROT_READ, MAP_SHARED, mapFd, static_cast<off_t>(page));
	if (producer == MAP_FAILED) {
		const int error = errno;
		munmap(consumer, page);
		return -error;
	}
	consumerMap_ = consumer;
	producerMap_ = producer;
	producerMapBytes_ = page + 2 * bytes;
	consumer_ = static_cast<std::atomic<uint64_t> *>(consumer);
	producer_ = static_cast<std::atomic<uint64_t> *>(producer);
	data_ = static_cast<uint8_t *>(producer) + page;
	bytes_ = bytes;
	return 0;
}

int Ring::MapMemory(size_t bytes)
{
	const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
	const int fd = memfd_create("ringtail-ring", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	int error = 0;
	uint8_t *base = static_cast<uint8_t *>(MAP_FAILED);
	if (ftruncate(fd, static_cast<off_t>(2 * page + bytes)) != 0)
		error = errno;
	if (!error) {
		base = static_cast<uint8_t *>(mmap(nullptr, 2 * page + 2 * bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
		if (base == MAP_FAILED)
			error = errno;
	}
	if (!error && (mmap(base, 2 * page + bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED ||
			      mmap(base + 2 * page + bytes, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
				      static_cast<off_t>(2 * page)) == MAP_FAILED)) {
		error = errno;
		munmap(base, 2 * page + 2 * bytes);
	}
	close(fd);
	if (error)
		return -error;
	consumerMap_ = base;
	producerMap_ = base + page;
	producerMapBytes_ = page + 2 * bytes;
	consumer_ = reinterpret_cast<std::atomic<uint64_t> *>(base);
	producer_ = reinterpret_cast<std::atomic<uint64_t> *>(base + page);
	data_ = base + 2 * page;
	bytes_ = bytes;
	memory_ = true;
	return 0;
}

void Ring::Unmap()
{
	if (!consumerMap_)
		return;
	munmap(producerMap_, producerMapBytes_);
	munmap(consumerMap_, static_cast<size_t>(sysconf(_SC_PAGESIZE)));
	consumerMap_ = nullptr;
	producerMap_ = nullptr;
	consumer_ = nullptr;
	producer_ = nullptr;
	data_ = nullptr;
	bytes_ = 0;
}

size_t Ring::Used() const
{
	if (!consumer_)
		return 0;
	const uint64_t consumer = consumer_->load(std::memory_order_acquire);
	return static_cast<size_t>(producer_->load(std::memory_order_acquire) - consumer);
}

Ring::Record Ring::Peek(uint64_t position) const
{
	if (!consumer_ || position >= producer_->load(std::memory_order_acquire))
		return {nullptr, 0, false, position};
	uint8_t *at = data_ + (position & (bytes_ - 1));
	const uint32_t header = reinterpret_cast<std::atomic<uint32_t> *>(at)->load(std::memory_order_acquire);
	if (header & kBusyBit)
		return {nullptr, 0, false, position};
	const uint32_t len = header & ~kDiscardBit;
	return {at + kHeaderBytes, len, (header & kDiscardBit) != 0, position + Rounded(len)};
}

void Ring::Advance(uint64_t position)
{
	consumer_->store(position, std::memory_order_release);
	// The writer wakes us only when it sees that we caught up: our store must be visible before we look for more.
	std::atomic_thread_fence(std::memory_order_seq_cst);
}

void Ring::Clear()
{
	if (memory_)
		Advance(producer_->load(std::memory_order_relaxed));
}

bool Ring::Append(const uint8_t *data, uint32_t len)
{
	if (!memory_)
		return false;
	const uint64_t producer = producer_->load(std::memory_order_relaxed);
	const uint64_t consumer = consumer_->load(std::memory_order_acquire);
	if (producer - consumer + Rounded(len) > bytes_)
		return false;
	uint8_t *at = data_ + (producer & (bytes_ - 1));
	std::memcpy(at + kHeaderBytes, data, len);
	reinterpret_cast<std::atomic<uint32_t> *>(at)->store(len, std::memory_order_release);
	producer_->store(producer + Rounded(len), std::memory_order_release);
	return true;
}

} // namespace ringtail

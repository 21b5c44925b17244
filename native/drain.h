// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "frame.h"
#include "ring.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

namespace ringtail {

// The thread between the ring and the pipeline. It sleeps until the ring stops being empty, lets records gather for the
// flush interval, then cuts frames until the ring is empty. No free frame: it stops reading, and the kernel counts what
// does not fit.
class Drain {
public:
	struct Options {
		int ringFd = -1; // -1: a memory ring, woken by Kick
		uint32_t flushMs = 50;
		uint32_t maxRows = 8192;
		bool keepRaw = false;
	};
	// Called on the thread with a filled frame. False: nobody takes frames any more.
	using Deliver = std::function<bool(uint32_t frame)>;

	Drain(Ring &ring, FramePool &pool, const Layouts &layouts, Options options, Deliver deliver);
	~Drain();

	// Returns 0 or -errno.
	int Start();
	// Ends the thread; what is in the ring stays there.
	void Stop();
	// Looks at the ring now instead of at the end of the interval.
	void Kick();
	void FrameReturned();
	void SetPaused(bool paused);

	// The records of a frame that is out, as they were in the ring; empty unless `keepRaw`.
	const std::vector<uint8_t> &RawOf(uint32_t frame) const { return raw_[frame]; }

	uint64_t Read() const { return read_.load(std::memory_order_relaxed); }
	uint64_t Malformed() const { return malformed_.load(std::memory_order_relaxed); }
	uint64_t Frames() const { return sequence_.load(std::memory_order_relaxed); }
	uint64_t Stalls() const { return stalls_.load(std::memory_order_relaxed); }
	uint64_t CpuNs() const { return cpuNs_.load(std::memory_order_relaxed); }

private:
	void Run();
	// Returns false when the thread must end.
	bool CutFrames();
	void Wait(int timeoutMs);

	Ring &ring_;
	FramePool &pool_;
	const Options options_;
	const Deliver deliver_;
	Splitter splitter_;
	std::vector<std::vector<uint8_t>> raw_; // by frame; goes with it from the thread to the pipeline and back
	std::thread thread_;
	int epoll_ = -1;
	int event_ = -1;
	int64_t wallOffsetNs_ = 0; // of the last frame
	std::atomic<bool> stopping_ = false;
	std::atomic<bool> paused_ = false;
	std::atomic<bool> kicked_ = false;
	std::atomic<bool> starving_ = false;
	std::atomic<uint64_t> read_ = 0;
	std::atomic<uint64_t> malformed_ = 0;
	std::atomic<uint64_t> sequence_ = 0;
	std::atomic<uint64_t> stalls_ = 0;
	std::atomic<uint64_t> cpuNs_ = 0;
};

} // namespace ringtail

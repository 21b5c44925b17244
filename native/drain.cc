// SPDX-License-Identifier: Apache-2.0
#include "drain.h"

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace ringtail {

namespace {

// Nothing depends on this wake-up; it bounds the harm of one that was missed.
constexpr int kIdleMs = 10'000;

int64_t ClockNs(clockid_t clock)
{
	timespec time;
	clock_gettime(clock, &time);
	return time.tv_sec * 1'000'000'000ll + time.tv_nsec;
}

// Reads the clocks again when the thread was interrupted between them.
constexpr int kOffsetTries = 4;
constexpr int64_t kOffsetGapNs = 2000;

// Unix time less boot time. Keeps `before` where it is as good as what can be read, so that times within a process do not jitter.
int64_t WallOffsetNs(int64_t before)
{
	int64_t best = INT64_MAX, offset = before;
	for (int i = 0; i < kOffsetTries && best > kOffsetGapNs; i++) {
		const int64_t start = ClockNs(CLOCK_BOOTTIME), wall = ClockNs(CLOCK_REALTIME), gap = ClockNs(CLOCK_BOOTTIME) - start;
		if (gap >= best)
			continue;
		best = gap;
		offset = wall - start - gap / 2;
	}
	return std::llabs(offset - before) <= best ? before : offset;
}

} // namespace

Drain::Drain(Ring &ring, FramePool &pool, const Layouts &layouts, Options options, Deliver deliver)
	: ring_(ring), pool_(pool), options_(options), deliver_(std::move(deliver)), splitter_(layouts, options.maxRows), raw_(pool.Size())
{
}

Drain::~Drain()
{
	Stop();
}

int Drain::Start()
{
	epoll_ = epoll_create1(EPOLL_CLOEXEC);
	event_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (epoll_ < 0 || event_ < 0)
		return -errno;
	// Edge-triggered: the ring stays readable while records gather.
	epoll_event event = {.events = EPOLLIN | EPOLLET, .data = {.fd = event_}};
	if (epoll_ctl(epoll_, EPOLL_CTL_ADD, event_, &event) != 0)
		return -errno;
	event.data.fd = options_.ringFd;
	if (options_.ringFd >= 0 && epoll_ctl(epoll_, EPOLL_CTL_ADD, options_.ringFd, &event) != 0)
		return -errno;
	// Signals are the main thread's.
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	thread_ = std::thread([this] { Run(); });
	pthread_setname_np(thread_.native_handle(), "ringtail-drain");
	pthread_sigmask(SIG_SETMASK, &before, nullptr);
	return 0;
}

void Drain::Stop()
{
	if (thread_.joinable()) {
		stopping_ = true;
		Kick();
		thread_.join();
	}
	if (epoll_ >= 0)
		close(epoll_);
	if (event_ >= 0)
		close(event_);
	epoll_ = -1;
	event_ = -1;
}

void Drain::Kick()
{
	kicked_ = true;
	const uint64_t one = 1;
	if (event_ >= 0 && write(event_, &one, sizeof(one)) < 0)
		return; // the counter is full: the thread has a wake-up waiting
}

void Drain::FrameReturned()
{
	if (starving_.exchange(false))
		Kick();
}

void Drain::SetPaused(bool paused)
{
	paused_ = paused;
	Kick();
}

void Drain::Wait(int timeoutMs)
{
	epoll_event events[2];
	const int ready = epoll_wait(epoll_, events, 2, timeoutMs);
	for (int i = 0; i < ready; i++) {
		uint64_t count;
		if (events[i].data.fd == event_ && read(event_, &count, sizeof(count)) < 0)
			continue; // nothing was waiting: another wake-up took it
	}
}

bool Drain::CutFrames()
{
	while (!stopping_ && !paused_) {
		if (!ring_.Peek(ring_.Position()).data)
			return true;
		int frame = pool_.Take();
		if (frame < 0) {
			starving_ = true;
			frame = pool_.Take(); // one may have come back before the mark was set
		}
		if (frame < 0) {
			stalls_.fetch_add(1, std::memory_order_relaxed);
			return true; // FrameReturned wakes us
		}
		starving_ = false;
		wallOffsetNs_ = WallOffsetNs(wallOffsetNs_);
		const Splitter::Result result = splitter_.Fill(ring_, pool_.At(static_cast<uint32_t>(frame)),
			sequence_.load(std::memory_order_relaxed), wallOffsetNs_, options_.keepRaw ? &raw_[static_cast<uint32_t>(frame)] : nullptr);
		malformed_.fetch_add(result.malformed, std::memory_order_relaxed);
		read_.fetch_add(result.rows + result.malformed, std::memory_order_relaxed);
		ring_.Advance(result.position);
		if (!result.rows) {
			pool_.Give(static_cast<uint32_t>(frame));
			continue;
		}
		sequence_.fetch_add(1, std::memory_order_relaxed);
		if (!deliver_(static_cast<uint32_t>(frame))) {
			pool_.Give(static_cast<uint32_t>(frame));
			return false;
		}
	}
	return true;
}

void Drain::Run()
{
	while (!stopping_) {
		kicked_ = false;
		if (!CutFrames())
			return;
		cpuNs_.store(static_cast<uint64_t>(ClockNs(CLOCK_THREAD_CPUTIME_ID)), std::memory_order_relaxed);
		if (stopping_ || kicked_)
			continue;
		Wait(kIdleMs);
		if (!stopping_ && !kicked_ && !starving_)
			Wait(static_cast<int>(options_.flushMs));
	}
}

} // namespace ringtail

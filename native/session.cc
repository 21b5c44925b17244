// SPDX-License-Identifier: Apache-2.0
#include "session.h"

#include "maps.h"
#include "values.h"

#include <bpf/bpf.h>
#include <cerrno>
#include <cstring>
#include <unistd.h>

namespace ringtail {

namespace {

// More frames than this only hide a pipeline that stands still.
constexpr uint32_t kMaxFrames = 64;
constexpr uint32_t kMaxFrameBytes = 64 << 20;

} // namespace

Napi::Function Session::Define(Napi::Env env)
{
	return DefineClass(env, "Session",
		{
			InstanceMethod<&Session::Arenas>("arenas"),
			InstanceMethod<&Session::Start>("start"),
			InstanceMethod<&Session::LoadObject>("load"),
			InstanceMethod<&Session::Attach>("attach"),
			InstanceMethod<&Session::RunIterator>("runIterator"),
			InstanceMethod<&Session::WalkObject>("walk"),
			InstanceMethod<&Session::WalkBytes>("walkBytes"),
			InstanceMethod<&Session::Detach>("detach"),
			InstanceMethod<&Session::Unload>("unload"),
			InstanceMethod<&Session::AttachHook>("attachHook"),
			InstanceMethod<&Session::DetachHook>("detachHook"),
			InstanceMethod<&Session::RecursionMisses>("recursionMisses"),
			InstanceMethod<&Session::PutEntry>("putEntry"),
			InstanceMethod<&Session::DropEntry>("dropEntry"),
			InstanceMethod<&Session::ReadEntries>("readEntries"),
			InstanceMethod<&Session::TakeEntry>("takeEntry"),
			InstanceMethod<&Session::ReadSums>("readSums"),
			InstanceMethod<&Session::TakeSums>("takeSums"),
			InstanceMethod<&Session::PutEntries>("putEntries"),
			InstanceMethod<&Session::DropEntries>("dropEntries"),
			InstanceMethod<&Session::SwapInner>("swapInner"),
			InstanceMethod<&Session::UsePinned>("usePinned"),
			InstanceMethod<&Session::KernelObjects>("kernelObjects"),
			InstanceMethod<&Session::Release>("release"),
			InstanceMethod<&Session::ReadCounters>("counters"),
			InstanceMethod<&Session::Stats>("stats"),
			InstanceMethod<&Session::Pause>("pause"),
			InstanceMethod<&Session::Kick>("kick"),
			InstanceMethod<&Session::Inject>("inject"),
			InstanceMethod<&Session::RawOf>("rawOf"),
			InstanceMethod<&Session::Fill>("fill"),
			InstanceMethod<&Session::Close>("close"),
		});
}

Session::Session(const Napi::CallbackInfo &info) : Napi::ObjectWrap<Session>(info), env_(info.Env())
{
	const Napi::Env env = info.Env();
	if (!info[0].IsObject() || !info[1].IsFunction()) {
		ThrowType(env, "Session: expected (options, onFrame)");
		return;
	}
	const auto options = info[0].As<Napi::Object>();
	const uint32_t ringBytes = NumberOr(options, "ringBytes", 8 << 20), frames = NumberOr(options, "frames", 4);
	const uint32_t frameBytes = NumberOr(options, "frameBytes", 4 << 20);
	flushMs_ = NumberOr(options, "flushMs", 50);
	maxRows_ = NumberOr(options, "maxRows", 8192);
	if (frames > kMaxFrames || frameBytes < kMinFrameBytes || frameBytes > kMaxFrameBytes || maxRows_ < 1 || maxRows_ > (1 << 20)) {
		ThrowType(env, "Session: frames must be 0 to 64, frameBytes 2 MiB to 64 MiB, maxRows 1 to 1048576");
		return;
	}
	const auto page = static_cast<uint32_t>(sysconf(_SC_PAGESIZE));
	if (ringBytes < page || (ringBytes & (ringBytes - 1))) {
		ThrowType(env, "Session: ringBytes must be a power of two and at least a page");
		return;
	}
	if (!ReadLayouts(env, options.Get("layouts"), layouts_))
		return;
	keepRaw_ = options.Get("keepRaw").ToBoolean(); // no option threw
	const Failure failure = Open(ringBytes, frames, frameBytes, options.Get("memory").ToBoolean());
	open_ = true; // CloseAll gives back what was made
	if (failure) {
		CloseAll();
		Throw(env, failure);
		return;
	}
	for (uint32_t i = 0; i < frames; i++) {
		const Arena &arena = pool_.At(i);
		buffers_.push_back(Napi::Persistent(Napi::ArrayBuffer::New(env, arena.memory, arena.bytes)));
	}
	napi_value name;
	napi_create_string_utf8(env, "ringtail-frames", NAPI_AUTO_LENGTH, &name);
	if (napi_create_threadsafe_function(env, info[1], nullptr, name, 0, 1, nullptr, nullptr, this, OnFrame, &deliver_) != napi_ok) {
		CloseAll();
		Throw(env, {ENOMEM, "cannot make the way to the main thread", ""});
		return;
	}
	napi_add_env_cleanup_hook(env, OnEnvironmentEnd, this);
	Ref(); // until close(): the thread calls us
}

Session::~Session()
{
	CloseAll();
}

Failure Session::Open(uint32_t ringBytes, uint32_t frames, uint32_t frameBytes, bool memory)
{
	memory_ = memory;
	int error = 0;
	if (!frames)
		return {}; // for objects that write no records
	if (memory) {
		error = ring_.MapMemory(ringBytes);
	} else {
		ringFd_ = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "events", 0, 0, ringBytes, nullptr);
		if (ringFd_ < 0)
			return {-ringFd_, "cannot make a BPF ring buffer of " + std::to_string(ringBytes) + " bytes", ""};
		countersFd_ = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "counters", sizeof(uint32_t), sizeof(event_counters), EVENT_KINDS, nullptr);
		if (countersFd_ < 0)
			return {-countersFd_, "cannot make the map of counters", ""};
		error = ring_.MapKernel(ringFd_, ringBytes);
	}
	if (error)
		return {-error, "cannot map the ring", ""};
	error = pool_.Map(frames, frameBytes);
	if (error)
		return {-error, "cannot allocate the frames", ""};
	return {};
}

void Session::CloseAll()
{
	if (!open_)
		return;
	open_ = false;
	for (const auto &[number, object] : objects_)
		object->AddIds(ids_);
	for (const int fd : {ringFd_, countersFd_}) {
		if (fd >= 0)
			ids_.maps.push_back(MapId(fd));
	}
	for (const auto &[number, hook] : hooks_) {
		if (hook->LinkId())
			ids_.links.push_back(hook->LinkId());
	}
	hooks_.clear();
	objects_.clear(); // detaches first: nothing writes any more
	drain_.reset();
	ring_.Unmap();
	if (ringFd_ >= 0)
		close(ringFd_);
	if (countersFd_ >= 0)
		close(countersFd_);
	ringFd_ = -1;
	countersFd_ = -1;
	if (deliver_) {
		napi_remove_env_cleanup_hook(env_, OnEnvironmentEnd, this);
		napi_release_threadsafe_function(deliver_, napi_tsfn_abort);
		deliver_ = nullptr;
	}
}

void Session::OnEnvironmentEnd(void *self)
{
	static_cast<Session *>(self)->CloseAll();
}

void Session::OnFrame(napi_env env, napi_value callback, void *context, void *data)
{
	if (!env || !callback)
		return; // the session was closed with this frame on its way
	const auto *session = static_cast<Session *>(context);
	if (!session->open_)
		return;
	napi_value undefined, index;
	napi_get_undefined(env, &undefined);
	napi_create_uint32(env, static_cast<uint32_t>(reinterpret_cast<uintptr_t>(data)) - 1, &index);
	napi_call_function(env, undefined, callback, 1, &index, nullptr);
}

bool Session::IsOpen(Napi::Env env)
{
	if (!open_)
		Throw(env, {EBADF, "the session is closed", ""});
	return open_;
}

Napi::Value Session::Arenas(const Napi::CallbackInfo &info)
{
	const auto out = Napi::Array::New(info.Env(), buffers_.size());
	for (uint32_t i = 0; i < buffers_.size(); i++)
		out.Set(i, buffers_[i].Value());
	return out;
}

void Session::Start(const Napi::CallbackInfo &info)
{
	if (!IsOpen(info.Env()) || drain_)
		return;
	if (buffers_.empty()) {
		Throw(info.Env(), {EINVAL, "a session without frames reads nothing", ""});
		return;
	}
	drain_ = std::make_unique<Drain>(ring_, pool_, layouts_, Drain::Options{ringFd_, flushMs_, maxRows_, keepRaw_}, [this](uint32_t frame) {
		return napi_call_threadsafe_function(deliver_, reinterpret_cast<void *>(static_cast<uintptr_t>(frame) + 1), napi_tsfn_nonblocking) ==
		       napi_ok;
	});
	const int error = drain_->Start();
	if (error) {
		drain_.reset();
		Throw(info.Env(), {-error, "cannot start the thread that reads the ring", ""});
	}
}

// How many programs, maps and links of a closed session the kernel has not freed yet.
Napi::Value Session::KernelObjects(const Napi::CallbackInfo &info)
{
	return Napi::Number::New(info.Env(), ids_.Alive());
}

Napi::Value Session::Release(const Napi::CallbackInfo &info)
{
	const bool given = open_ && info[0].IsNumber() && pool_.Give(info[0].As<Napi::Number>().Uint32Value());
	if (given && drain_)
		drain_->FrameReturned();
	return Napi::Boolean::New(info.Env(), given);
}

// kinds × six numbers, summed over the CPUs, in the order of struct event_counters.
Napi::Value Session::ReadCounters(const Napi::CallbackInfo &info)
{
	constexpr uint32_t kNumbers = sizeof(event_counters) / sizeof(uint64_t);
	const Napi::Env env = info.Env();
	if (!IsOpen(env))
		return env.Undefined();
	auto out = Napi::Float64Array::New(env, EVENT_KINDS * kNumbers);
	if (countersFd_ < 0)
		return out;
	MapContents contents;
	const int error = ReadMap(countersFd_, contents);
	if (error) {
		Throw(env, {-error, "cannot read the counters", ""});
		return env.Undefined();
	}
	for (uint32_t entry = 0; entry < contents.entries; entry++) {
		uint32_t kind;
		std::memcpy(&kind, contents.keys.data() + entry * sizeof(kind), sizeof(kind));
		const uint8_t *value = contents.values.data() + static_cast<size_t>(entry) * contents.valueBytes;
		for (uint32_t at = 0; at < contents.valueBytes && kind < EVENT_KINDS; at += sizeof(event_counters)) {
			uint64_t numbers[kNumbers];
			std::memcpy(numbers, value + at, sizeof(numbers));
			for (uint32_t i = 0; i < kNumbers; i++)
				out[kind * kNumbers + i] += static_cast<double>(numbers[i]);
		}
	}
	return out;
}

Napi::Value Session::Stats(const Napi::CallbackInfo &info)
{
	const Napi::Env env = info.Env();
	const auto out = Napi::Object::New(env);
	const auto put = [&](const char *name, uint64_t value) { out.Set(name, Napi::Number::New(env, static_cast<double>(value))); };
	put("ringBytes", ring_.Bytes());
	put("ringUsedBytes", ring_.Used());
	put("framesFree", pool_.Free());
	put("read", drain_ ? drain_->Read() : 0);
	put("malformed", drain_ ? drain_->Malformed() : 0);
	put("frames", drain_ ? drain_->Frames() : 0);
	put("stalls", drain_ ? drain_->Stalls() : 0);
	put("cpuNs", drain_ ? drain_->CpuNs() : 0);
	return out;
}

void Session::Pause(const Napi::CallbackInfo &info)
{
	if (drain_)
		drain_->SetPaused(info[0].ToBoolean());
}

void Session::Kick(const Napi::CallbackInfo &)
{
	if (drain_)
		drain_->Kick();
}

void Session::Close(const Napi::CallbackInfo &info)
{
	if (!open_)
		return;
	CloseAll();
	for (auto &buffer : buffers_)
		napi_detach_arraybuffer(info.Env(), buffer.Value());
	buffers_.clear();
	pool_.Unmap();
	Unref();
}

} // namespace ringtail

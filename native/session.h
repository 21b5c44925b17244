// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "drain.h"
#include "frame.h"
#include "layout.h"
#include "net-hooks.h"
#include "objects.h"
#include "ring.h"

#include <map>
#include <memory>
#include <napi.h>

namespace ringtail {

// One ring with the objects that write to it, the thread that reads it and the frames that it fills. Everything is given back by
// close(), by the end of the environment, or by the collector, whichever comes first.
class Session : public Napi::ObjectWrap<Session> {
public:
	static Napi::Function Define(Napi::Env env);
	explicit Session(const Napi::CallbackInfo &info);
	~Session() override;

private:
	Napi::Value Arenas(const Napi::CallbackInfo &info);
	void Start(const Napi::CallbackInfo &info);
	Napi::Value LoadObject(const Napi::CallbackInfo &info);
	void Attach(const Napi::CallbackInfo &info);
	void RunIterator(const Napi::CallbackInfo &info);
	Napi::Value WalkObject(const Napi::CallbackInfo &info);
	Napi::Value WalkBytes(const Napi::CallbackInfo &info);
	Napi::Value BeginWalk(const Napi::CallbackInfo &info, size_t most);
	Napi::Value Detach(const Napi::CallbackInfo &info);
	void Unload(const Napi::CallbackInfo &info);
	Napi::Value AttachHook(const Napi::CallbackInfo &info);
	Napi::Value DetachHook(const Napi::CallbackInfo &info);
	Napi::Value RecursionMisses(const Napi::CallbackInfo &info);
	void PutEntry(const Napi::CallbackInfo &info);
	Napi::Value DropEntry(const Napi::CallbackInfo &info);
	Napi::Value ReadEntries(const Napi::CallbackInfo &info);
	Napi::Value TakeEntry(const Napi::CallbackInfo &info);
	Napi::Value ReadSums(const Napi::CallbackInfo &info);
	Napi::Value TakeSums(const Napi::CallbackInfo &info);
	Napi::Value PutEntries(const Napi::CallbackInfo &info);
	Napi::Value DropEntries(const Napi::CallbackInfo &info);
	Napi::Value SwapInner(const Napi::CallbackInfo &info);
	Napi::Value UsePinned(const Napi::CallbackInfo &info);
	bool ShareMaps(Napi::Env env, const Napi::Value &share, ObjectSpec &spec);
	Napi::Value KernelObjects(const Napi::CallbackInfo &info);
	Napi::Value Release(const Napi::CallbackInfo &info);
	Napi::Value ReadCounters(const Napi::CallbackInfo &info);
	Napi::Value Stats(const Napi::CallbackInfo &info);
	void Pause(const Napi::CallbackInfo &info);
	void Kick(const Napi::CallbackInfo &info);
	Napi::Value Inject(const Napi::CallbackInfo &info);
	Napi::Value RawOf(const Napi::CallbackInfo &info);
	Napi::Value Fill(const Napi::CallbackInfo &info);
	void Close(const Napi::CallbackInfo &info);

	Failure Open(uint32_t ringBytes, uint32_t frames, uint32_t frameBytes, bool memory);
	LoadedObject *ObjectAt(const Napi::CallbackInfo &info);
	bool IsOpen(Napi::Env env);
	size_t AppendRecords(const uint8_t *bytes, size_t length, uint32_t &records);
	void CloseAll();
	static void OnEnvironmentEnd(void *self);
	static void OnFrame(napi_env env, napi_value callback, void *context, void *data);

	napi_env env_;
	Layouts layouts_;
	Ring ring_;
	FramePool pool_;
	std::unique_ptr<Drain> drain_;
	std::unique_ptr<Splitter> splitter_; // of Fill
	std::map<uint32_t, std::unique_ptr<LoadedObject>> objects_;
	std::vector<Napi::Reference<Napi::ArrayBuffer>> buffers_;
	KernelIds ids_; // of what was closed
	std::map<uint32_t, std::unique_ptr<NetHook>> hooks_;
	uint32_t nextObject_ = 1;
	uint32_t nextHook_ = 1;
	int ringFd_ = -1;
	int countersFd_ = -1;
	uint32_t flushMs_ = 50;
	uint32_t maxRows_ = 8192;
	napi_threadsafe_function deliver_ = nullptr;
	bool open_ = false;
	bool memory_ = false;
	bool keepRaw_ = false;
};

} // namespace ringtail

// SPDX-License-Identifier: Apache-2.0
// Iterator programs: over all that there is, over a map, in another network namespace.
#include "walk.h"

#include "session.h"
#include "values.h"

#include <algorithm>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cerrno>
#include <fcntl.h>
#include <sched.h>
#include <thread>
#include <unistd.h>

namespace ringtail {

namespace {

// As much as the kernel keeps of what an iterator writes (kernel/bpf/bpf_iter.c).
constexpr size_t kIteratorChunk = 8 * 4096;

} // namespace

Walk &Walk::operator=(Walk &&other) noexcept
{
	std::swap(link_, other.link_);
	std::swap(netns_, other.netns_);
	std::swap(program_, other.program_);
	return *this;
}

Walk::~Walk()
{
	if (link_)
		bpf_link__destroy(link_);
	if (netns_ >= 0)
		close(netns_);
}

Failure Walk::Open(const LoadedObject &object, const std::string &program, const WalkOver &over, Walk &walk)
{
	const LibbpfLog log;
	bpf_iter_link_info info = {};
	bpf_iter_attach_opts options = {};
	options.sz = sizeof(options);
	if (!over.map.empty()) {
		const int fd = object.MapFd(over.map);
		if (fd < 0)
			return {ENOENT, "no map " + over.map, ""};
		info.map.map_fd = static_cast<uint32_t>(fd);
		options.link_info = &info;
		options.link_info_len = sizeof(info);
	}
	walk.program_ = program;
	if (!over.netns.empty()) {
		walk.netns_ = open(over.netns.c_str(), O_RDONLY | O_CLOEXEC);
		if (walk.netns_ < 0)
			return {errno, "cannot open the network namespace " + over.netns, ""};
	}
	bpf_program *found = object.FindProgram(program);
	if (!found)
		return {ENOENT, "no program " + program, ""};
	walk.link_ = bpf_program__attach_iter(found, &options);
	return walk.link_ ? Failure{} : Failure{errno, "cannot attach " + program, log.Tail()};
}

Failure Walk::RunHere(size_t most, std::vector<uint8_t> &output) const
{
	const int fd = bpf_iter_create(bpf_link__fd(link_));
	if (fd < 0)
		return {errno, "cannot run " + program_, ""};
	std::vector<uint8_t> chunk(kIteratorChunk);
	ssize_t got;
	do {
		got = read(fd, chunk.data(), chunk.size());
		const size_t room = output.size() < most ? most - output.size() : 0;
		if (got > 0 && room)
			output.insert(output.end(), chunk.begin(), chunk.begin() + static_cast<ssize_t>(std::min(room, static_cast<size_t>(got))));
	} while (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)));
	const int error = got < 0 ? errno : 0;
	close(fd);
	return error ? Failure{error, "cannot read " + program_, ""} : Failure{};
}

Failure Walk::Run(size_t most, std::vector<uint8_t> &output)
{
	if (netns_ < 0)
		return RunHere(most, output);
	Failure failure;
	std::thread elsewhere(
		[&] { failure = setns(netns_, CLONE_NEWNET) ? Failure{errno, "cannot enter the network namespace", ""} : RunHere(most, output); });
	elsewhere.join();
	return failure;
}

Failure Walk::Run()
{
	std::vector<uint8_t> nothing;
	return Run(0, nothing);
}

Failure LoadedObject::ReadIterator(const std::string &program, size_t most, std::vector<uint8_t> &output) const
{
	Walk walk;
	if (Failure failure = Walk::Open(*this, program, {}, walk))
		return failure;
	return walk.Run(most, output);
}

namespace {

// What it wrote becomes the value of the promise, or nothing.
class Walking : public Napi::AsyncWorker {
public:
	Walking(Napi::Env env, Walk walk, size_t most)
		: Napi::AsyncWorker(env), promise_(Napi::Promise::Deferred::New(env)), walk_(std::move(walk)), most_(most)
	{
	}
	Napi::Promise Promise() const { return promise_.Promise(); }

protected:
	void Execute() override { failure_ = walk_.Run(most_, output_); }
	void OnOK() override
	{
		if (failure_)
			promise_.Reject(ErrorOf(Env(), failure_).Value());
		else if (most_ == 0)
			promise_.Resolve(Env().Undefined());
		else
			promise_.Resolve(Napi::Buffer<uint8_t>::Copy(Env(), output_.data(), output_.size()));
	}

private:
	Napi::Promise::Deferred promise_;
	Walk walk_;
	size_t most_;
	std::vector<uint8_t> output_;
	Failure failure_;
};

// `{ map, netns }`, both optional.
bool ReadOver(Napi::Env env, const Napi::Value &value, WalkOver &over)
{
	if (value.IsUndefined())
		return true;
	if (!value.IsObject()) {
		ThrowType(env, "walk: expected { map, netns }");
		return false;
	}
	const auto object = value.As<Napi::Object>();
	return (object.Get("map").IsUndefined() || ReadString(env, object.Get("map"), over.map)) &&
	       (object.Get("netns").IsUndefined() || ReadString(env, object.Get("netns"), over.netns));
}

} // namespace

void Session::RunIterator(const Napi::CallbackInfo &info)
{
	Walk walk;
	std::string program;
	const LoadedObject *object = ObjectAt(info);
	if (!object || !ReadString(info.Env(), info[1], program))
		return;
	Failure failure = Walk::Open(*object, program, {}, walk);
	if (!failure)
		failure = walk.Run();
	if (failure)
		Throw(info.Env(), failure);
}

// A promise: over many entries it takes milliseconds.
Napi::Value Session::BeginWalk(const Napi::CallbackInfo &info, size_t most)
{
	const Napi::Env env = info.Env();
	Walk walk;
	std::string program;
	WalkOver over;
	const LoadedObject *object = ObjectAt(info);
	if (!object || !ReadString(env, info[1], program) || !ReadOver(env, info[2], over))
		return env.Undefined();
	if (const Failure failure = Walk::Open(*object, program, over, walk)) {
		Throw(env, failure);
		return env.Undefined();
	}
	auto *walking = new Walking(env, std::move(walk), most); // deletes itself
	walking->Queue();
	return walking->Promise();
}

Napi::Value Session::WalkObject(const Napi::CallbackInfo &info)
{
	return BeginWalk(info, 0);
}

Napi::Value Session::WalkBytes(const Napi::CallbackInfo &info)
{
	if (!info[3].IsNumber() || info[3].As<Napi::Number>().Uint32Value() == 0) {
		ThrowType(info.Env(), "walkBytes: expected a number of bytes");
		return info.Env().Undefined();
	}
	return BeginWalk(info, info[3].As<Napi::Number>().Uint32Value());
}

} // namespace ringtail

// SPDX-License-Identifier: Apache-2.0
// Records without a kernel: a memory ring that is filled by hand, for tests and for captures, and the raw records of a frame.
#include "session.h"

#include "values.h"

#include <cerrno>
#include <cstring>

namespace ringtail {

// Puts records that stand one behind the other, each as long as its head says, into a memory ring; stops at the first that does not fit.
size_t Session::AppendRecords(const uint8_t *bytes, size_t length, uint32_t &records)
{
	size_t at = 0;
	for (records = 0; at + sizeof(event_head) <= length; records++) {
		uint32_t len;
		std::memcpy(&len, bytes + at + offsetof(event_head, len), sizeof(len));
		if (len < sizeof(event_head) || len > length - at || !ring_.Append(bytes + at, len))
			break;
		at += len;
	}
	return at;
}

// Returns how many records fitted.
Napi::Value Session::Inject(const Napi::CallbackInfo &info)
{
	const Napi::Env env = info.Env();
	if (!IsOpen(env) || !info[0].IsTypedArray()) {
		if (!env.IsExceptionPending())
			ThrowType(env, "inject: expected bytes");
		return env.Undefined();
	}
	const auto array = info[0].As<Napi::TypedArray>();
	const uint8_t *bytes = static_cast<const uint8_t *>(array.ArrayBuffer().Data()) + array.ByteOffset();
	uint32_t accepted = 0;
	AppendRecords(bytes, array.ByteLength(), accepted);
	if (drain_)
		drain_->Kick();
	return Napi::Number::New(env, accepted);
}

// A copy of the records of a frame that is out; undefined when they are not kept.
Napi::Value Session::RawOf(const Napi::CallbackInfo &info)
{
	const Napi::Env env = info.Env();
	if (!open_ || !drain_ || !keepRaw_ || !info[0].IsNumber() || !pool_.IsOut(info[0].As<Napi::Number>().Uint32Value()))
		return env.Undefined();
	const std::vector<uint8_t> &raw = drain_->RawOf(info[0].As<Napi::Number>().Uint32Value());
	return Napi::Buffer<uint8_t>::Copy(env, raw.data(), raw.size());
}

// (records, sequence, wall offset in ns): one frame of exactly these records, without the thread, over an empty memory ring. Returns its
// index; what is no run of whole records that fit their layouts and one frame throws EILSEQ, EBUSY says that no frame is free.
Napi::Value Session::Fill(const Napi::CallbackInfo &info)
{
	const Napi::Env env = info.Env();
	if (!IsOpen(env))
		return env.Undefined();
	if (!memory_ || drain_ || !info[0].IsTypedArray() || !info[1].IsNumber() || !info[2].IsBigInt()) {
		ThrowType(env, "fill: expected (bytes, sequence, wall offset) and a memory ring that was not started");
		return env.Undefined();
	}
	const auto array = info[0].As<Napi::TypedArray>();
	const uint8_t *bytes = static_cast<const uint8_t *>(array.ArrayBuffer().Data()) + array.ByteOffset();
	const double sequence = info[1].As<Napi::Number>().DoubleValue();
	bool lossless;
	const int64_t wallOffsetNs = info[2].As<Napi::BigInt>().Int64Value(&lossless);
	const int frame = pool_.Take();
	if (frame < 0) {
		Throw(env, {EBUSY, "no frame is free", ""});
		return env.Undefined();
	}
	if (!splitter_)
		splitter_ = std::make_unique<Splitter>(layouts_, maxRows_);
	uint32_t records = 0;
	const size_t taken = AppendRecords(bytes, array.ByteLength(), records);
	Splitter::Result result;
	const bool whole = taken == array.ByteLength();
	if (whole)
		result = splitter_->Fill(ring_, pool_.At(static_cast<uint32_t>(frame)),
			sequence >= 0 && sequence < 9e15 ? static_cast<uint64_t>(sequence) : 0, wallOffsetNs);
	ring_.Clear();
	if (!whole || result.rows != records || !records) {
		pool_.Give(static_cast<uint32_t>(frame));
		Throw(env, {EILSEQ, "these are not the records of one frame", ""});
		return env.Undefined();
	}
	return Napi::Number::New(env, frame);
}

} // namespace ringtail

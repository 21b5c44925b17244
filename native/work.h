// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "objects.h"
#include "values.h"

#include <functional>
#include <napi.h>
#include <utility>

namespace ringtail {

// One piece of work off the main thread, and the promise of what comes of it.
template <class Result> class Work : public Napi::AsyncWorker {
public:
	using Run = std::function<Failure(Result &)>;
	using Convert = std::function<Napi::Value(Napi::Env, Result &)>;

	// `run` must not touch JavaScript; `convert` is called on the main thread when it gave no failure.
	static Napi::Promise Begin(Napi::Env env, Run run, Convert convert)
	{
		auto *work = new Work(env, std::move(run), std::move(convert)); // deletes itself
		work->Queue();
		return work->promise_.Promise();
	}

protected:
	void Execute() override { failure_ = run_(result_); }
	void OnOK() override
	{
		if (failure_)
			promise_.Reject(ErrorOf(Env(), failure_).Value());
		else
			promise_.Resolve(convert_(Env(), result_));
	}

private:
	Work(Napi::Env env, Run run, Convert convert)
		: Napi::AsyncWorker(env), promise_(Napi::Promise::Deferred::New(env)), run_(std::move(run)), convert_(std::move(convert))
	{
	}

	Napi::Promise::Deferred promise_;
	Run run_;
	Convert convert_;
	Result result_{};
	Failure failure_;
};

} // namespace ringtail

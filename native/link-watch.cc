// SPDX-License-Identifier: Apache-2.0
#include "link-watch.h"

#include "links.h"
#include "values.h"

#include <cerrno>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <vector>

namespace ringtail {

namespace {

// Lists on their way to the main thread; when it falls behind the thread waits, and the kernel says what found no room.
constexpr size_t kMostWaiting = 16;
using Changes = std::vector<Link>;

} // namespace

Napi::Function LinkWatch::Define(Napi::Env env)
{
	return DefineClass(env, "LinkWatch", {InstanceMethod<&LinkWatch::Close>("close")});
}

LinkWatch::LinkWatch(const Napi::CallbackInfo &info) : Napi::ObjectWrap<LinkWatch>(info), env_(info.Env())
{
	const Napi::Env env = info.Env();
	if (!info[0].IsFunction()) {
		ThrowType(env, "LinkWatch: expected a function");
		return;
	}
	int error = netlink_.Open(RTMGRP_LINK);
	stopFd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!error && stopFd_ < 0)
		error = errno;
	if (error) {
		Throw(env, {error, "cannot follow the network interfaces", ""});
		return;
	}
	napi_value name;
	napi_create_string_utf8(env, "ringtail-links", NAPI_AUTO_LENGTH, &name);
	if (napi_create_threadsafe_function(env, info[0], nullptr, name, kMostWaiting, 1, nullptr, nullptr, nullptr, OnChange, &deliver_) !=
		napi_ok) {
		Throw(env, {ENOMEM, "cannot make the way to the main thread", ""});
		return;
	}
	napi_unref_threadsafe_function(env, deliver_);
	napi_add_env_cleanup_hook(env, OnEnvironmentEnd, this);
	Ref(); // until close(): the thread uses us
	thread_ = std::thread([this] { Run(); });
}

LinkWatch::~LinkWatch()
{
	Stop();
	if (stopFd_ >= 0)
		close(stopFd_);
}

void LinkWatch::Run()
{
	pollfd waiting[] = {{netlink_.Fd(), POLLIN, 0}, {stopFd_, POLLIN, 0}};
	for (;;) {
		if (poll(waiting, 2, -1) < 0 && errno != EINTR)
			return;
		if (waiting[1].revents)
			return;
		if (!waiting[0].revents)
			continue;
		auto changes = std::make_unique<Changes>();
		const int error = netlink_.Receive([&](const nlmsghdr &message) {
			Link link;
			if (ReadLink(message, link))
				changes->push_back(std::move(link));
		});
		if (error == EAGAIN || error == EINTR)
			continue;
		if (error == ENOBUFS)
			changes.reset();
		else if (error)
			return;
		if (changes && changes->empty())
			continue;
		if (napi_call_threadsafe_function(deliver_, changes.get(), napi_tsfn_blocking) != napi_ok)
			return;
		changes.release();
	}
}

void LinkWatch::OnChange(napi_env env, napi_value callback, void *, void *data)
{
	const std::unique_ptr<Changes> changes(static_cast<Changes *>(data));
	if (!env || !callback)
		return; // it was closed meanwhile
	const Napi::Env here(env);
	Napi::Value told = here.Null();
	if (changes) {
		auto list = Napi::Array::New(here, changes->size());
		for (uint32_t i = 0; i < changes->size(); i++)
			list.Set(i, ObjectOf(here, (*changes)[i]));
		told = list;
	}
	napi_value argument = told, nothing;
	napi_get_undefined(env, &nothing);
	napi_call_function(env, nothing, callback, 1, &argument, nullptr);
}

void LinkWatch::Stop()
{
	if (!deliver_)
		return;
	const uint64_t one = 1;
	napi_remove_env_cleanup_hook(env_, OnEnvironmentEnd, this);
	napi_release_threadsafe_function(deliver_, napi_tsfn_abort); // wakes a thread that waits for room
	if (write(stopFd_, &one, sizeof(one)) == sizeof(one))
		thread_.join();
	else
		thread_.detach();
	deliver_ = nullptr;
}

void LinkWatch::OnEnvironmentEnd(void *self)
{
	static_cast<LinkWatch *>(self)->Stop();
}

void LinkWatch::Close(const Napi::CallbackInfo &)
{
	if (!deliver_)
		return;
	Stop();
	Unref();
}

} // namespace ringtail

// SPDX-License-Identifier: Apache-2.0
#include "probe.h"
#include "values.h"

#include <cerrno>
#include <optional>
#include <pwd.h>
#include <string>
#include <unistd.h>
#include <vector>

namespace ringtail {

namespace {

constexpr size_t kMaxEntryBytes = 1 << 20; // a passwd entry that is longer is no name that we want

std::optional<std::string> NameOf(uid_t uid)
{
	const long hint = sysconf(_SC_GETPW_R_SIZE_MAX);
	std::vector<char> buffer(hint > 0 ? static_cast<size_t>(hint) : 1024);
	while (true) {
		passwd entry = {}, *found = nullptr;
		const int error = getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found);
		if (error == ERANGE && buffer.size() < kMaxEntryBytes) {
			buffer.resize(buffer.size() * 2);
			continue;
		}
		if (error == EINTR)
			continue;
		return found && found->pw_name ? std::optional<std::string>(found->pw_name) : std::nullopt;
	}
}

class UserLookup : public Napi::AsyncWorker {
public:
	UserLookup(Napi::Env env, std::vector<uid_t> uids)
		: Napi::AsyncWorker(env), promise_(Napi::Promise::Deferred::New(env)), uids_(std::move(uids))
	{
	}
	Napi::Promise Promise() const { return promise_.Promise(); }

protected:
	void Execute() override
	{
		for (const uid_t uid : uids_)
			names_.push_back(NameOf(uid));
	}
	void OnOK() override
	{
		auto out = Napi::Array::New(Env(), names_.size());
		for (uint32_t i = 0; i < names_.size(); i++)
			out.Set(i, names_[i] ? Napi::Value(Napi::String::New(Env(), *names_[i])) : Env().Null());
		promise_.Resolve(out);
	}

private:
	Napi::Promise::Deferred promise_;
	std::vector<uid_t> uids_;
	std::vector<std::optional<std::string>> names_;
};

} // namespace

Napi::Value LookupUsers(const Napi::CallbackInfo &info)
{
	const Napi::Env env = info.Env();
	if (!info[0].IsArray()) {
		ThrowType(env, "lookupUsers: expected numbers");
		return env.Undefined();
	}
	const auto list = info[0].As<Napi::Array>();
	std::vector<uid_t> uids;
	for (uint32_t i = 0; i < list.Length(); i++) {
		const Napi::Value uid = list.Get(i);
		if (!uid.IsNumber()) {
			ThrowType(env, "lookupUsers: expected numbers");
			return env.Undefined();
		}
		uids.push_back(uid.As<Napi::Number>().Uint32Value());
	}
	auto *lookup = new UserLookup(env, std::move(uids)); // deletes itself
	lookup->Queue();
	return lookup->Promise();
}

} // namespace ringtail

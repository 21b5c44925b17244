// SPDX-License-Identifier: Apache-2.0
#include "values.h"

#include <cstring>

namespace ringtail {

namespace {

bool ReadFields(const Napi::Value &value, std::vector<Field> &fields)
{
	if (!value.IsArray())
		return false;
	const auto list = value.As<Napi::Array>();
	for (uint32_t i = 0; i < list.Length(); i++) {
		const Napi::Value item = list.Get(i);
		if (!item.IsObject())
			return false;
		const auto field = item.As<Napi::Object>();
		const std::string role = field.Get("role").ToString().Utf8Value();
		Field out = {};
		out.offset = static_cast<uint16_t>(NumberOr(field, "offset", 0));
		out.width = static_cast<uint16_t>(NumberOr(field, "width", 0));
		out.role = role == "text"    ? FieldRole::kText
			   : role == "list"  ? FieldRole::kList
			   : role == "chars" ? FieldRole::kChars
					     : FieldRole::kNumber;
		if (out.role == FieldRole::kNumber && out.width != 1 && out.width != 2 && out.width != 4 && out.width != 8)
			return false;
		fields.push_back(out);
	}
	return true;
}

uint32_t ColumnsOf(const std::vector<Field> &fields)
{
	uint32_t columns = 0;
	for (const Field &field : fields)
		columns += field.Columns();
	return columns;
}

} // namespace

void Throw(Napi::Env env, const Failure &failure)
{
	const Napi::Error error = Napi::Error::New(env, failure.what + ": " + strerror(failure.error));
	const char *code = strerrorname_np(failure.error);
	error.Set("code", Napi::String::New(env, code ? code : "EUNKNOWN"));
	error.Set("errno", Napi::Number::New(env, failure.error));
	error.Set("log", Napi::String::New(env, failure.log));
	error.ThrowAsJavaScriptException();
}

void ThrowType(Napi::Env env, const char *what)
{
	Napi::TypeError::New(env, what).ThrowAsJavaScriptException();
}

uint32_t NumberOr(const Napi::Object &options, const char *name, uint32_t otherwise)
{
	const Napi::Value value = options.Get(name);
	return value.IsNumber() ? value.As<Napi::Number>().Uint32Value() : otherwise;
}

std::vector<std::string> Strings(const Napi::Value &value)
{
	std::vector<std::string> out;
	if (!value.IsArray())
		return out;
	const auto list = value.As<Napi::Array>();
	for (uint32_t i = 0; i < list.Length(); i++)
		out.push_back(Napi::Value(list.Get(i)).ToString().Utf8Value());
	return out;
}

bool ReadLayouts(Napi::Env env, const Napi::Value &value, Layouts &layouts)
{
	const bool shaped = value.IsObject() && value.As<Napi::Object>().Get("events").IsArray();
	if (!shaped || !ReadFields(value.As<Napi::Object>().Get("actor"), layouts.actor)) {
		ThrowType(env, "layouts: expected { actor: fields, events: layouts }");
		return false;
	}
	for (const Field &field : layouts.actor) {
		const uint32_t width = field.role == FieldRole::kNumber || field.role == FieldRole::kChars ? field.width : 0;
		if (!width || field.offset + width > sizeof(event_actor)) {
			ThrowType(env, "layouts: an actor field lies outside struct event_actor");
			return false;
		}
	}
	layouts.actorColumns = ColumnsOf(layouts.actor);
	const auto events = value.As<Napi::Object>().Get("events").As<Napi::Array>();
	for (uint32_t i = 0; i < events.Length(); i++) {
		const auto event = Napi::Value(events.Get(i)).ToObject();
		const uint32_t kind = NumberOr(event, "kind", EVENT_KINDS);
		if (kind >= EVENT_KINDS) {
			ThrowType(env, "layouts: kind is not one of enum event_kind");
			return false;
		}
		EventLayout &layout = layouts.events[kind];
		layout.size = NumberOr(event, "size", 0);
		if (!ReadFields(event.Get("fields"), layout.fields) || layout.size < sizeof(event_head)) {
			ThrowType(env, "layouts: a kind has no fields or is smaller than its head");
			return false;
		}
		for (const Field &field : layout.fields) {
			const uint32_t width = field.role == FieldRole::kText || field.role == FieldRole::kList ? 4 : field.width;
			if (field.offset + width > layout.size) {
				ThrowType(env, "layouts: a field lies outside its record");
				return false;
			}
		}
		layout.columns = 3 + ColumnsOf(layout.fields);
		layout.known = true;
	}
	return true;
}

bool ReadSpec(Napi::Env env, const Napi::Value &value, ObjectSpec &spec)
{
	if (!value.IsObject() || !value.As<Napi::Object>().Get("path").IsString()) {
		ThrowType(env, "object: expected { path, programs, options, mapEntries }");
		return false;
	}
	const auto object = value.As<Napi::Object>();
	spec.path = object.Get("path").ToString().Utf8Value();
	spec.programs = Strings(object.Get("programs"));
	const Napi::Value options = object.Get("options");
	if (options.IsObject()) {
		for (const std::string &name : Strings(options.As<Napi::Object>().GetPropertyNames()))
			spec.options[name] = static_cast<uint64_t>(Napi::Value(options.As<Napi::Object>().Get(name)).ToNumber().Int64Value());
	}
	const Napi::Value entries = object.Get("mapEntries");
	if (entries.IsObject()) {
		for (const std::string &name : Strings(entries.As<Napi::Object>().GetPropertyNames()))
			spec.mapEntries[name] = Napi::Value(entries.As<Napi::Object>().Get(name)).ToNumber().Uint32Value();
	}
	return true;
}

} // namespace ringtail

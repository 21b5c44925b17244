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
		const Napi::Value named = field.Get("role");
		const std::string role = named.IsString() ? named.As<Napi::String>().Utf8Value() : std::string();
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

Napi::Error ErrorOf(Napi::Env env, const Failure &failure)
{
	Napi::Error error = Napi::Error::New(env, failure.what + ": " + strerror(failure.error));
	const char *code = strerrorname_np(failure.error);
	error.Set("code", Napi::String::New(env, code ? code : "EUNKNOWN"));
	error.Set("errno", Napi::Number::New(env, failure.error));
	error.Set("log", Napi::String::New(env, failure.log));
	return error;
}

// What a getter or a conversion threw stays: a second throw would end the process.
void Throw(Napi::Env env, const Failure &failure)
{
	if (!env.IsExceptionPending())
		ErrorOf(env, failure).ThrowAsJavaScriptException();
}

void ThrowType(Napi::Env env, const char *what)
{
	if (env.IsExceptionPending())
		return;
	Napi::TypeError::New(env, what).ThrowAsJavaScriptException();
}

uint32_t NumberOr(const Napi::Object &options, const char *name, uint32_t otherwise)
{
	const Napi::Value value = options.Get(name);
	return value.IsNumber() ? value.As<Napi::Number>().Uint32Value() : otherwise;
}

// Nothing is converted: a conversion that fails, of a Symbol for instance, would end the process.
bool ReadString(Napi::Env env, const Napi::Value &value, std::string &out)
{
	if (!value.IsString()) {
		ThrowType(env, "expected a string");
		return false;
	}
	out = value.As<Napi::String>().Utf8Value();
	return true;
}

bool ReadBytes(Napi::Env env, const Napi::Value &value, std::vector<uint8_t> &out)
{
	if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
		ThrowType(env, "expected a Uint8Array");
		return false;
	}
	const auto bytes = value.As<Napi::Uint8Array>();
	out.assign(bytes.Data(), bytes.Data() + bytes.ByteLength());
	return true;
}

bool ReadStrings(Napi::Env env, const Napi::Value &value, std::vector<std::string> &out)
{
	if (!value.IsArray()) {
		ThrowType(env, "expected an array of strings");
		return false;
	}
	const auto list = value.As<Napi::Array>();
	for (uint32_t i = 0; i < list.Length(); i++) {
		if (!ReadString(env, list.Get(i), out.emplace_back()))
			return false;
	}
	return true;
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
		const Napi::Value item = events.Get(i);
		if (!item.IsObject()) {
			ThrowType(env, "layouts: an event is no object");
			return false;
		}
		const auto event = item.As<Napi::Object>();
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

// Numbers by name; no object is an empty one.
template <typename T> static bool ReadNumbers(Napi::Env env, const Napi::Value &value, std::map<std::string, T> &out)
{
	if (!value.IsObject())
		return true;
	const auto object = value.As<Napi::Object>();
	std::vector<std::string> names;
	if (!ReadStrings(env, object.GetPropertyNames(), names))
		return false;
	for (const std::string &name : names) {
		const Napi::Value number = object.Get(name);
		if (!number.IsNumber()) {
			ThrowType(env, "object: options and mapEntries are numbers");
			return false;
		}
		out[name] = static_cast<T>(number.As<Napi::Number>().Int64Value());
	}
	return true;
}

bool ReadSpec(Napi::Env env, const Napi::Value &value, ObjectSpec &spec)
{
	if (!value.IsObject()) {
		ThrowType(env, "object: expected { path, programs, options, mapEntries }");
		return false;
	}
	const auto object = value.As<Napi::Object>();
	if (!object.Get("types").IsUndefined() && !ReadString(env, object.Get("types"), spec.types))
		return false;
	return ReadString(env, object.Get("path"), spec.path) && ReadStrings(env, object.Get("programs"), spec.programs) &&
	       ReadNumbers(env, object.Get("options"), spec.options) && ReadNumbers(env, object.Get("mapEntries"), spec.mapEntries);
}

bool ReadMatches(Napi::Env env, const Napi::Value &value, std::vector<EntryMatch> &out)
{
	if (value.IsUndefined())
		return true;
	if (!value.IsArray()) {
		ThrowType(env, "expected an array of { offset, bytes }");
		return false;
	}
	const auto list = value.As<Napi::Array>();
	for (uint32_t i = 0; i < list.Length(); i++) {
		const Napi::Value item = list.Get(i);
		EntryMatch &match = out.emplace_back();
		if (!item.IsObject() || !item.As<Napi::Object>().Get("offset").IsNumber()) {
			ThrowType(env, "expected an array of { offset, bytes }");
			return false;
		}
		match.offset = item.As<Napi::Object>().Get("offset").As<Napi::Number>().Uint32Value();
		if (!ReadBytes(env, item.As<Napi::Object>().Get("bytes"), match.bytes))
			return false;
	}
	return true;
}

Napi::Object EntriesOf(Napi::Env env, const MapEntries &entries)
{
	const auto out = Napi::Object::New(env);
	out.Set("count", Napi::Number::New(env, entries.count));
	out.Set("keyBytes", Napi::Number::New(env, entries.keyBytes));
	out.Set("valueBytes", Napi::Number::New(env, entries.valueBytes));
	out.Set("keys", Napi::Buffer<uint8_t>::Copy(env, entries.keys.data(), entries.count * size_t{entries.keyBytes}));
	out.Set("values", Napi::Buffer<uint8_t>::Copy(env, entries.values.data(), entries.count * size_t{entries.valueBytes}));
	return out;
}

} // namespace ringtail

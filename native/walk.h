// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "objects.h"

#include <cstdint>
#include <string>
#include <vector>

namespace ringtail {

// What an iterator goes over, when that is not all that there is.
struct WalkOver {
	std::string map;   // a map of the object
	std::string netns; // path of a network namespace
};

// One run of an iterator program. It keeps a link of its own, so the object may be unloaded meanwhile.
class Walk {
public:
	static Failure Open(const LoadedObject &object, const std::string &program, const WalkOver &over, Walk &walk);

	Walk() = default;
	Walk(Walk &&other) noexcept { *this = std::move(other); }
	Walk &operator=(Walk &&other) noexcept;
	~Walk();

	// To its end, on any thread: in another network namespace it runs on a thread that is used for nothing else.
	// Of what it writes to its file at most `most` bytes are kept in `output`.
	Failure Run(size_t most, std::vector<uint8_t> &output);
	Failure Run();

private:
	Failure RunHere(size_t most, std::vector<uint8_t> &output) const;

	bpf_link *link_ = nullptr;
	int netns_ = -1;
	std::string program_;
};

} // namespace ringtail

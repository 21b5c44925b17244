// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <functional>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string>

namespace ringtail {

// A socket of routing netlink; answers and errors as errno.
class Netlink {
public:
	Netlink() = default;
	~Netlink();
	Netlink(const Netlink &) = delete;
	Netlink &operator=(const Netlink &) = delete;

	// `groups`: RTMGRP_…, what it is told of; 0: nothing but answers.
	int Open(uint32_t groups);
	int Fd() const { return fd_; }
	// All that the kernel has of this type; `body` follows the header of the request. What changes meanwhile may be missing or be told twice.
	int Dump(uint16_t type, const void *body, size_t bytes, const std::function<void(const nlmsghdr &)> &each);
	// What has come, without waiting; EAGAIN when nothing has, ENOBUFS when some of it found no room.
	int Receive(const std::function<void(const nlmsghdr &)> &each);

private:
	int Answers(uint32_t sequence, const std::function<void(const nlmsghdr &)> &each);
	int fd_ = -1;
	uint32_t sequence_ = 0;
};

using OnAttribute = std::function<void(uint16_t type, const void *data, size_t bytes)>;

// Attributes of a message whose fixed part has so many bytes.
void ForEachAttribute(const nlmsghdr &message, size_t fixedBytes, const OnAttribute &each);
// Those inside of another one.
void ForEachAttribute(const void *data, size_t bytes, const OnAttribute &each);
// Up to the first NUL.
std::string TextOf(const void *data, size_t bytes);
uint32_t NumberOf(const void *data, size_t bytes);

} // namespace ringtail

// SPDX-License-Identifier: Apache-2.0
#include "netlink.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace ringtail {

namespace {

// The kernel fills at most 32 KiB at a time.
constexpr size_t kBufferBytes = 64 << 10;
constexpr int kReceiveBytes = 1 << 20;

} // namespace

Netlink::~Netlink()
{
	if (fd_ >= 0)
		close(fd_);
}

int Netlink::Open(uint32_t groups)
{
	fd_ = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd_ < 0)
		return errno;
	// more than the limit of the host, where that is allowed
	if (setsockopt(fd_, SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBytes, sizeof(kReceiveBytes)))
		setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &kReceiveBytes, sizeof(kReceiveBytes));
	sockaddr_nl address = {};
	address.nl_family = AF_NETLINK;
	address.nl_groups = groups;
	return bind(fd_, reinterpret_cast<sockaddr *>(&address), sizeof(address)) ? errno : 0;
}

int Netlink::Dump(uint16_t type, const void *body, size_t bytes, const std::function<void(const nlmsghdr &)> &each)
{
	std::vector<uint8_t> request(NLMSG_SPACE(bytes));
	auto *header = reinterpret_cast<nlmsghdr *>(request.data());
	header->nlmsg_len = NLMSG_LENGTH(bytes);
	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	header->nlmsg_seq = ++sequence_;
	std::memcpy(NLMSG_DATA(header), body, bytes);
	if (send(fd_, request.data(), request.size(), 0) < 0)
		return errno;
	return Answers(header->nlmsg_seq, each);
}

int Netlink::Answers(uint32_t sequence, const std::function<void(const nlmsghdr &)> &each)
{
	std::vector<uint8_t> buffer(kBufferBytes);
	for (;;) {
		const ssize_t got = recv(fd_, buffer.data(), buffer.size(), 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? errno : EPROTO;
		auto left = static_cast<unsigned>(got);
		for (auto *message = reinterpret_cast<nlmsghdr *>(buffer.data()); NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
			if (message->nlmsg_seq != sequence)
				continue;
			if (message->nlmsg_type == NLMSG_DONE)
				return 0;
			if (message->nlmsg_type == NLMSG_ERROR)
				return message->nlmsg_len < NLMSG_LENGTH(sizeof(nlmsgerr)) ? EPROTO
											   : -static_cast<nlmsgerr *>(NLMSG_DATA(message))->error;
			each(*message);
		}
	}
}

int Netlink::Receive(const std::function<void(const nlmsghdr &)> &each)
{
	std::vector<uint8_t> buffer(kBufferBytes);
	const ssize_t got = recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
	if (got <= 0)
		return got < 0 ? errno : EPROTO;
	auto left = static_cast<unsigned>(got);
	for (auto *message = reinterpret_cast<nlmsghdr *>(buffer.data()); NLMSG_OK(message, left); message = NLMSG_NEXT(message, left))
		each(*message);
	return 0;
}

void ForEachAttribute(const nlmsghdr &message, size_t fixedBytes, const OnAttribute &each)
{
	const size_t before = NLMSG_SPACE(fixedBytes);
	if (message.nlmsg_len > before)
		ForEachAttribute(reinterpret_cast<const uint8_t *>(&message) + before, message.nlmsg_len - before, each);
}

void ForEachAttribute(const void *data, size_t bytes, const OnAttribute &each)
{
	auto left = static_cast<int>(bytes);
	for (auto *attribute = static_cast<const rtattr *>(data); RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left))
		each(attribute->rta_type & NLA_TYPE_MASK, RTA_DATA(attribute), RTA_PAYLOAD(attribute));
}

std::string TextOf(const void *data, size_t bytes)
{
	const auto *text = static_cast<const char *>(data);
	return {text, strnlen(text, bytes)};
}

uint32_t NumberOf(const void *data, size_t bytes)
{
	uint32_t number = 0;
	std::memcpy(&number, data, std::min(bytes, sizeof(number)));
	return number;
}

} // namespace ringtail

"""Sockets of one process, each line on stdout a session that it had: talk.py udp | fastopen | forking PORT | prefork PORT WORKERS.

A line is JSON: transport, type, role, local, localPort, peer, peerPort, sent, received; addresses as getsockname says them, `*` where IPv4 comes too.
"""
import json
import os
import socket
import socketserver
import struct
import sys

LARGEST = 65507
GROUP = '239.77.1.2'


def say(sock, role, peer, sent, received):
    local = sock.getsockname()
    is_dual = sock.family == socket.AF_INET6 and not sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
    print(json.dumps({
        'transport': 'udp' if sock.type == socket.SOCK_DGRAM else 'tcp',
        'type': 'ipv6' if sock.family == socket.AF_INET6 else 'ipv4',
        'role': role,
        'local': '*' if is_dual and local[0] == '::' else local[0],
        'localPort': local[1],
        'peer': peer[0],
        'peerPort': peer[1],
        'sent': sent,
        'received': received,
    }), flush=True)


def bound(family, address, port=0, dual=False):
    sock = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if dual else 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    sock.bind((address, port))
    sock.settimeout(5)
    return sock


def take(sock, *sizes):
    got = [sock.recvfrom(LARGEST + 1) for _ in sizes]
    assert [len(data) for data, _ in got] == list(sizes), got
    return got[-1][1][:2]


def one_to_two():
    """Not connected: a session for each peer; an empty and the largest datagram, an answer, a look that takes nothing."""
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    first, second = bound(socket.AF_INET, '127.0.0.1'), bound(socket.AF_INET, '127.0.0.1')
    for size in (0, 100, LARGEST):
        sender.sendto(b'x' * size, first.getsockname())
    first.recvfrom(10, socket.MSG_PEEK)
    peer = take(first, 0, 100, LARGEST)
    first.sendto(b'answer', peer)
    take(sender, 6)
    sender.sendto(b'other', second.getsockname())
    take(second, 5)
    say(sender, 'client', first.getsockname(), 100 + LARGEST, 6)
    say(sender, 'client', second.getsockname(), 5, 0)
    say(first, 'server', peer, 6, 100 + LARGEST)
    say(second, 'server', peer, 0, 5)
    for sock in (sender, first, second):
        sock.close()


def connected(family, address):
    one, two = bound(family, address), bound(family, address)
    one.connect(two.getsockname())
    two.connect(one.getsockname())
    one.send(b'x' * 1000)
    two.recv(2000)
    two.send(b'x' * 10)
    two.send(b'')
    one.recv(2000)
    one.recv(2000)
    say(one, 'client', two.getsockname(), 1000, 10)
    say(two, 'server', one.getsockname(), 10, 1000)
    one.close()
    two.close()


def both_families():
    server = bound(socket.AF_INET6, '::', dual=True)
    port = server.getsockname()[1]
    four, six = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    four.sendto(b'four', ('127.0.0.1', port))
    say(server, 'server', take(server, 4), 0, 4)
    six.sendto(b'seven77', ('::1', port))
    say(server, 'server', take(server, 7), 0, 7)
    say(four, 'client', ('127.0.0.1', port), 4, 0)
    say(six, 'client', ('::1', port), 7, 0)
    for sock in (server, four, six):
        sock.close()


def multicast():
    receivers = []
    port = 0
    for _ in range(2):
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        receiver.bind(('0.0.0.0', port))
        receiver.settimeout(5)
        receiver.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(GROUP) + socket.inet_aton('127.0.0.1'))
        port = receiver.getsockname()[1]
        receivers.append(receiver)
    sender = bound(socket.AF_INET, '127.0.0.1')
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton('127.0.0.1'))
    sender.sendto(b'x' * 500, (GROUP, port))
    for receiver in receivers:
        say(receiver, 'server', take(receiver, 500), 0, 500)
    say(sender, 'client', (GROUP, port), 500, 0)
    for sock in (sender, *receivers):
        sock.close()


def udp():
    one_to_two()
    connected(socket.AF_INET, '127.0.0.1')
    connected(socket.AF_INET6, '::1')
    both_families()
    multicast()


def fastopen():
    """The second time the request comes with the first packet. The network is that of the caller: it must be one of its own."""
    os.system('ip link set lo up')
    with open('/proc/sys/net/ipv4/tcp_fastopen', 'w') as switch:
        switch.write('3')
    server = socket.socket()
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 5)
    server.bind(('127.0.0.1', 0))
    server.listen(5)
    for size in (100, 200, 300):
        client = socket.socket()
        client.sendto(b'x' * size, socket.MSG_FASTOPEN, server.getsockname())
        accepted, peer = server.accept()
        assert len(accepted.recv(1000)) == size
        accepted.send(b'x' * 7)
        client.recv(100)
        in_first = struct.unpack_from('B', client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8), 5)[0] & 32
        print(f'data with the first packet: {bool(in_first)}', file=sys.stderr)
        say(client, 'client', server.getsockname(), size, 7)
        say(accepted, 'server', peer, 7, size)
        client.close()
        accepted.recv(1)
        accepted.close()
    server.close()


class Answer(socketserver.BaseRequestHandler):
    def handle(self):
        received = len(self.request.recv(100))
        self.request.sendall(str(os.getpid()).encode())
        self.request.recv(100)
        assert received


def forking(port):
    """A parent that accepts, and a child for each connection; until its input ends."""
    with socketserver.ForkingTCPServer(('127.0.0.1', port), Answer) as server:
        print('ready', flush=True)
        for _ in sys.stdin:
            server.handle_request()
            print('served', flush=True)


def prefork(port, workers):
    """Workers that accept from the socket of their parent, until its input ends."""
    server = socket.create_server(('127.0.0.1', port))
    children = []
    for _ in range(workers):
        child = os.fork()
        if child == 0:
            while True:
                accepted, _ = server.accept()
                accepted.recv(100)
                accepted.sendall(str(os.getpid()).encode())
                accepted.recv(100)
                accepted.close()
        children.append(child)
    print('ready', flush=True)
    sys.stdin.read()
    for child in children:
        os.kill(child, 9)
        os.waitpid(child, 0)


if __name__ == '__main__':
    {'udp': udp, 'fastopen': fastopen, 'forking': forking, 'prefork': prefork}[sys.argv[1]](*map(int, sys.argv[2:]))

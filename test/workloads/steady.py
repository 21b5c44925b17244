"""Connections that stay: steady.py COUNT [RATE].

Holds COUNT connections to itself over loopback. Over the first 1000 bytes were sent by the client, over the second 2000, and so on, and half of it by the server; with RATE
so many bytes a second more over the first. Tells on stdout, as one line of JSON, each connection with its ports and bytes, and at the end of its input, in a second
line, what it has sent over the first. Ends then.
"""
import json
import select
import socket
import sys

COUNT = int(sys.argv[1])
RATE = int(sys.argv[2]) if len(sys.argv) > 2 else 0
TICK_S = 0.05


def take(sock, wanted):
    while wanted > 0:
        wanted -= len(sock.recv(wanted))


listener = socket.create_server(('127.0.0.1', 0))
pairs = []
for index in range(COUNT):
    client = socket.create_connection(listener.getsockname())
    server, _ = listener.accept()
    sent = 1000 * (index + 1)
    client.sendall(b'x' * sent)
    take(server, sent)
    server.sendall(b'y' * (sent // 2))
    take(client, sent // 2)
    pairs.append((client, server, sent))

print(json.dumps({
    'port': listener.getsockname()[1],
    'connections': [{'port': client.getsockname()[1], 'sent': sent, 'received': sent // 2} for client, _, sent in pairs],
}), flush=True)

client, server, sent = pairs[0]
while not select.select([sys.stdin], [], [], TICK_S)[0]:
    if RATE > 0:
        chunk = int(RATE * TICK_S)
        client.sendall(b'z' * chunk)
        take(server, chunk)
        sent += chunk
sys.stdin.read()
print(json.dumps({'sent': sent}), flush=True)

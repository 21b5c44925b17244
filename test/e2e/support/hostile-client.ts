/**
 * Somebody who does what he should not at a control socket, as fast as he can, until his standard input ends; then he writes what he did as JSON.
 * usage: hostile-client.ts SOCKET stops_reading|requests|pages|connects|garbage|halves|heads|pipelines
 */
import http from 'node:http';
import { connect, type Socket } from 'node:net';

const [socketPath = '', what = ''] = process.argv.slice(2);
const AT_ONCE = 40;
const tally = { tried: 0, answered: 0, refused: 0 };
const end = { isReached: false };

/** Resolves when the connection is over. */
const talk = (write: (socket: Socket) => void): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const socket = connect(socketPath, () => write(socket));
  socket.on('data', () => tally.answered++);
  socket.on('error', () => tally.refused++);
  socket.on('close', () => resolve());
  setTimeout(() => socket.destroy(), 500).unref();
  return promise;
};

const ask = (path: string): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const request = http.get({ socketPath, path, agent: false }, (response) => {
    tally[response.statusCode === 200 ? 'answered' : 'refused']++;
    response.resume();
    response.on('close', resolve);
  });
  request.on('error', () => {
    tally.refused++;
    setImmediate(resolve);
  });
  return promise;
};

const question = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n`;
/** What he asks for and does not read stays open to the end. */
const stop = (): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const socket = connect(socketPath, () => socket.write(`${question('/v1/events')}\r\n`));
  socket.pause();
  socket.on('error', () => tally.refused++);
  socket.on('close', () => setTimeout(resolve, 20));
  return promise;
};

const deeds: Readonly<Record<string, () => Promise<void>>> = {
  stops_reading: stop,
  requests: () => ask('/v1/info'),
  pages: () => ask(['/v1/sessions?limit=1000', '/v1/ledger', '/v1/statistics'][tally.tried % 3]!),
  connects: () => talk((socket) => socket.destroy()),
  garbage: () => talk((socket) => socket.write(Buffer.alloc(10_000, 'x'))),
  halves: () => talk((socket) => socket.write(question('/v1/events'))),
  heads: () => talk((socket) => socket.write(`${question('/v1/info')}X: ${'x'.repeat(100_000)}`)),
  pipelines: () => talk((socket) => socket.write(`${question('/v1/ledger')}\r\n`.repeat(1000))),
};

const goOn = async (): Promise<void> => {
  while (!end.isReached) {
    tally.tried++;
    await deeds[what]!();
  }
};
for (let i = 0; i < AT_ONCE; i++) void goOn();
process.stdin.resume();
process.stdin.on('end', () => {
  end.isReached = true;
  process.stdout.write(`${JSON.stringify(tally)}\n`, () => process.exit(0));
});

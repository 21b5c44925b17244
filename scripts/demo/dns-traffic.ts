/** Questions and answers in the form of DNS, over UDP sockets of our own. */
import dgram from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { Target } from './http-traffic.ts';
import type { Counts } from './truth.ts';

const ANSWER_MS = 1000;
const HEADER_BYTES = 12;
/** A or AAAA, class IN. */
const typeNumbers = { A: 1, AAAA: 28 } as const;
const names = ['shop.demo.test', 'api.demo.test', 'db.internal.demo.test', 'cache.demo.test'];

const questionOf = (index: number): Buffer => {
  const labels = names[index % names.length]!.split('.').map((label) =>
    Buffer.from(`${String.fromCharCode(label.length)}${label}`, 'latin1'),
  );
  const tail = Buffer.from([0, 0, index % 2 === 0 ? typeNumbers.A : typeNumbers.AAAA, 0, 1]);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(index & 0xffff, 0);
  header.writeUInt16BE(0x0100, 2);
  header.writeUInt16BE(1, 4);
  return Buffer.concat([header, ...labels, tail]);
};

const answerOf = (question: Buffer): Buffer => {
  const isA = question.at(-3) === typeNumbers.A;
  const address = isA ? [192, 0, 2, 7] : [0x20, 1, 0xd, 0xb8, ...Array.from({ length: 11 }, () => 0), 7];
  const header = Buffer.from(question.subarray(0, HEADER_BYTES));
  header.writeUInt16BE(0x8180, 2);
  header.writeUInt16BE(1, 6);
  const record = Buffer.from([
    0xc0,
    HEADER_BYTES,
    0,
    isA ? typeNumbers.A : typeNumbers.AAAA,
    0,
    1,
    0,
    0,
    0,
    60,
    0,
    address.length,
    ...address,
  ]);
  return Buffer.concat([header, question.subarray(HEADER_BYTES), record]);
};

const socketFor = (address: string) => dgram.createSocket({ type: isIPv6(address) ? 'udp6' : 'udp4', ipv6Only: isIPv6(address) });

const bind = (socket: dgram.Socket, address: string, port: number) =>
  new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ address, port }, () => {
      socket.off('error', reject);
      resolve();
    });
  });

export const serveDns = async (counts: Counts, addresses: readonly string[], preferred: number) => {
  const sockets: dgram.Socket[] = [];
  const listening: Target[] = [];
  for (const address of addresses) {
    let socket = socketFor(address);
    try {
      await bind(socket, address, preferred);
    } catch {
      socket.close();
      socket = socketFor(address);
      await bind(socket, address, 0);
    }
    const own = socket;
    const peers = new Set<string>();
    own.on('error', () => {});
    own.on('message', (question, from) => {
      const peer = `${from.address} ${from.port}`;
      if (!peers.has(peer)) {
        peers.add(peer);
        counts.sessions += 1;
        if (isIPv6(address)) counts.sessionsIpv6 += 1;
      }
      const answer = answerOf(question);
      counts.requests += 1;
      counts.datagramsReceived += 1;
      counts.receivedBytes += question.length;
      counts.datagramsSent += 1;
      counts.sentBytes += answer.length;
      own.send(answer, from.port, from.address);
    });
    sockets.push(own);
    listening.push({ address, port: own.address().port });
  }
  return {
    listening,
    async stop(): Promise<void> {
      for (const socket of sockets) socket.close();
    },
  };
};

/** One question at a time. */
export const createDnsClient = (counts: Counts, targets: readonly Target[]) => {
  const open = async ({ address, port }: Target): Promise<dgram.Socket> => {
    const socket = socketFor(address);
    socket.on('error', () => {});
    await new Promise<void>(
      (resolve, reject) => void socket.connect(port, address, (error?: Error) => (error === undefined ? resolve() : reject(error))),
    );
    counts.sessions += 1;
    if (isIPv6(address)) counts.sessionsIpv6 += 1;
    return socket;
  };
  const longLived: (dgram.Socket | undefined)[] = [];

  const ask = async (socket: dgram.Socket, index: number): Promise<void> => {
    const question = questionOf(index);
    const answered = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => answered.resolve(false), ANSWER_MS);
    const take = (answer: Buffer) => {
      counts.datagramsReceived += 1;
      counts.receivedBytes += answer.length;
      answered.resolve(true);
    };
    socket.on('message', take);
    counts.datagramsSent += 1;
    counts.sentBytes += question.length;
    socket.send(question);
    counts[(await answered.promise) ? 'requests' : 'failed'] += 1;
    clearTimeout(timer);
    socket.off('message', take);
  };

  return {
    /** Half of them by one socket for each target, half by sockets of their own. */
    async request(index: number): Promise<void> {
      const at = index % targets.length;
      const target = targets[at]!;
      if (Math.floor(index / targets.length) % 2 === 0) return ask((longLived[at] ??= await open(target)), index);
      const socket = await open(target);
      await ask(socket, index);
      socket.close();
    },
    async stop(): Promise<void> {
      for (const socket of longLived) socket?.close();
    },
  };
};

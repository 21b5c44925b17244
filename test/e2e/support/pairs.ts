/** Pairs of veth interfaces: one end here, where Ringtail runs, the other in a network namespace of its own from which datagrams are sent. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { onTestFinished } from 'vitest';
import { run, start } from './processes.ts';

/** Between addresses for benchmarks (RFC 2544) that no network of anybody's has; the generator of traffic uses others of them. */
const addressOf = (pair: number, last: number): string => `198.19.${(process.pid + pair) % 256}.${last}`;
const address6Of = (pair: number, last: number): string => `fd72:7061:6972:${((process.pid + pair) % 65_536).toString(16)}::${last}`;
const PORT = 9;
const HEADERS = { 4: 14 + 20 + 8, 6: 14 + 40 + 8 } as const;

export type Pair = {
  /** Of the end that is here. */
  readonly name: string;
  index(): number;
  /** Sends so many datagrams with so many bytes of payload to this end, where nobody listens. */
  send(count: number, payload: number, family?: 4 | 6): Promise<{ readonly packets: number; readonly bytes: number }>;
  /** Gives this end another name. */
  rename(name: string): Promise<Pair>;
  remove(): void;
};

const ip = (lines: readonly string[], within: readonly string[] = []): void => {
  const [command, ...args] = [...within, 'ip', '-batch', '-'];
  execFileSync(command!, args, { input: lines.join('\n'), stdio: ['pipe', 'ignore', 'pipe'] });
};

/** Says how many were sent when all were: a send that fails is an error. */
const SENDER = `
const [address, count, payload, family] = process.argv.slice(1);
const socket = require('node:dgram').createSocket('udp' + family);
const bytes = Buffer.alloc(Number(payload));
const send = () => new Promise((resolve, reject) => socket.send(bytes, ${PORT}, address, (error) => (error ? reject(error) : resolve())));
(async () => { for (let i = 0; i < Number(count); i++) await send(); socket.close(); })();
`;

/** Makes the pairs; all is gone when the test ends. */
export const makePairs = async (count: number, prefix = `rt${process.pid % 100_000}`): Promise<readonly Pair[]> => {
  const holder = start('unshare', ['--net', 'sh', '-c', 'echo ready; exec sleep infinity']);
  while (holder.stdout() === '') await new Promise(setImmediate);
  const within = ['nsenter', `--net=/proc/${holder.pid}/ns/net`, '--'];
  const names = Array.from({ length: count }, (_, pair) => `${prefix}-${pair}`);
  onTestFinished(() => {
    holder.child.kill('SIGKILL'); // and with the namespace both ends of every pair
  });

  ip(names.map((name, pair) => `link add ${name} type veth peer name peer${pair} netns /proc/${holder.pid}/ns/net`));
  ip(names.flatMap((name, pair) => [`link set ${name} addrgenmode none`, `addr add ${addressOf(pair, 1)}/30 dev ${name}`, `addr add ${address6Of(pair, 1)}/64 dev ${name} nodad`, `link set ${name} up`])); // prettier-ignore
  const macOf = (name: string): string =>
    (JSON.parse(execFileSync('ip', ['-j', 'link', 'show', 'dev', name], { encoding: 'utf8' })) as [{ address: string }])[0].address;
  ip(
    names.flatMap((name, pair) => {
      const mac = macOf(name);
      return [
        `link set peer${pair} addrgenmode none`,
        `addr add ${addressOf(pair, 2)}/30 dev peer${pair}`,
        `addr add ${address6Of(pair, 2)}/64 dev peer${pair} nodad`,
        `link set peer${pair} up`,
        // nobody asks who has an address: all that arrives is what is sent
        `neigh add ${addressOf(pair, 1)} lladdr ${mac} dev peer${pair} nud permanent`,
        `neigh add ${address6Of(pair, 1)} lladdr ${mac} dev peer${pair} nud permanent`,
      ];
    }),
    within,
  );

  const pairOf = (name: string, pair: number): Pair => ({
    name,
    index: () => Number(readFileSync(`/sys/class/net/${name}/ifindex`, 'utf8')),
    async send(packets, payload, family = 4) {
      const address = family === 4 ? addressOf(pair, 1) : address6Of(pair, 1);
      const [command, ...args] = [
        ...within,
        process.execPath,
        '-e',
        SENDER,
        '--',
        address,
        String(packets),
        String(payload),
        String(family),
      ];
      const { code, stderr } = await run(command!, args);
      if (code !== 0) throw new Error(`datagrams could not be sent: ${stderr}`);
      return { packets, bytes: packets * (HEADERS[family] + payload) };
    },
    async rename(next) {
      ip([`link set ${name} down`, `link set ${name} name ${next}`, `addr replace ${addressOf(pair, 1)}/30 dev ${next}`, `addr replace ${address6Of(pair, 1)}/64 dev ${next} nodad`, `link set ${next} up`]); // prettier-ignore
      return pairOf(next, pair);
    },
    remove: () => ip([`link del ${name}`]),
  });
  return names.map(pairOf);
};

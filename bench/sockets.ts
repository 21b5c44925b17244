/**
 * What a connection costs those who make it while sessions are followed: connect, accept and both closes over loopback, and a socket with one
 * datagram; CPU time of the calling thread, with all that the network does inside its calls. Interleaved rounds of one run: nothing, Ringtail in
 * the states that matter, and tcplife. Beside it the CPU time of the tracer itself.
 *
 * usage: node bench/sockets.ts [rounds]       needs root; tcplife is Debian's, from libbpf-tools
 */
import { execFileSync } from 'node:child_process';
import { quartiles, ratios, show } from './measure.ts';
import { compile, mountTracefs, startRingtail, startTcplife, tcplife, type Tracer } from './tracers.ts';

const rounds = Number(process.argv[2] ?? 30);
const kinds = ['tcp', 'udp'] as const;
type Kind = (typeof kinds)[number];
const counts: Readonly<Record<Kind, number>> = { tcp: 10_000, udp: 30_000 };
const what: Readonly<Record<Kind, string>> = {
  tcp: 'connect, accept, two closes',
  udp: 'a socket, a datagram sent and received, a close',
};

type Treatment = {
  readonly name: string;
  readonly kinds?: readonly Kind[];
  readonly start: () => Promise<Tracer | undefined>;
};

const ringtail = (name: string, receiver: string, signal: 'logs' | 'metrics' = 'logs') => ({
  name: `ringtail, ${name}`,
  start: () => startRingtail({ name: 'sockets', type: 'sockets', receiver, signal, kernel: '{ring_bytes: 64MiB}' }),
});

const treatments: readonly Treatment[] = [
  { name: 'nothing', start: async () => undefined },
  { name: 'nothing, again', start: async () => undefined },
  ringtail('metrics only', '{}', 'metrics'),
  ringtail('no loopback', '{loopback: false}'),
  ringtail('ends', '{events: [end]}'),
  ringtail('starts and ends', '{}'),
  ringtail('every state', '{events: [start, state, end, listen]}'),
  ...(tcplife === undefined
    ? []
    : [{ name: 'tcplife', kinds: ['tcp'] as const, start: () => startTcplife('/dev/shm/ringtail-bench-tcplife') }]),
];

mountTracefs();
const program = compile('connect-cost');
const cost = (kind: Kind): number => Number(execFileSync(program, [String(counts[kind]), kind], { encoding: 'utf8' }));

type Measured = { readonly caller: number[]; readonly tracer: number[] };
const results = new Map(
  treatments.map(({ name }) => [name, new Map<Kind, Measured>(kinds.map((kind) => [kind, { caller: [], tracer: [] }]))]),
);
/** The program makes a tenth more, before it counts. */
const MADE = 1.1;
for (let round = -1; round < rounds; round++) {
  for (const treatment of treatments) {
    const tracer = await treatment.start();
    for (const kind of treatment.kinds ?? kinds) {
      const before = tracer?.cpuSeconds() ?? 0;
      const ns = cost(kind);
      const spent = ((tracer?.cpuSeconds() ?? 0) - before) * 1e9;
      if (round < 0) continue;
      const { caller, tracer: own } = results.get(treatment.name)!.get(kind)!;
      caller.push(ns);
      own.push(spent / (counts[kind] * MADE));
    }
    await tracer?.stop();
  }
}

for (const kind of kinds) {
  const of = (name: string) => results.get(name)!.get(kind)!;
  const nothing = of('nothing').caller;
  console.log(`${kind}: ${what[kind]}; CPU time, ns; ${rounds} interleaved rounds of ${counts[kind]}, median [quartiles]`);
  console.log(`  ${''.padEnd(28)} ${'of the caller'.padStart(24)} ${'over nothing'.padStart(22)} ${'ratio'.padStart(20)}   of the tracer`);
  for (const { name } of treatments) {
    const { caller, tracer } = of(name);
    if (caller.length === 0) continue;
    const over = quartiles(caller.map((value, round) => value - nothing[round]!));
    const parts = [show(quartiles(caller)).padStart(24), show(over).padStart(22), show(ratios(caller, nothing), 3).padStart(20)];
    console.log(`  ${name.padEnd(28)} ${parts.join(' ')}   ${show(quartiles(tracer))}`);
  }
  if (tcplife !== undefined && kind === 'tcp') {
    const peer = of('tcplife').caller;
    for (const { name } of treatments.filter((treatment) => treatment.name.startsWith('ringtail')))
      console.log(`  ${name} against tcplife, round by round: ${show(ratios(of(name).caller, peer), 3)}`);
  }
  const noise = ratios(of('nothing, again').caller, nothing);
  if (noise.high - noise.low > 0.1) console.log('  inconclusive: nothing against nothing spreads by more than 10 %');
}

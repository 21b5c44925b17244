/**
 * What a process costs the host (fork, exec, exit and wait of a static program) while Ringtail follows it, against nothing attached and
 * against execsnoop, in interleaved rounds of one run. Both write what they see to /dev/null.
 *
 * usage: node bench/overhead.ts [rounds]       needs root; execsnoop is Debian's, from libbpf-tools
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, openSync, closeSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { quartiles, ratios, show } from './measure.ts';

const rounds = Number(process.argv[2] ?? 30);
const PROCESSES = 1000;
/** Long enough for either to have attached everything. */
const READY_MS = 15_000;

const root = fileURLToPath(new URL('..', import.meta.url));
const work = join(root, 'build/bench');
const loop = join(work, 'exec-loop');
const execsnoop = ['/usr/sbin/execsnoop', '/usr/bin/execsnoop'].find((path) => existsSync(path));

const config = `receivers: {process: {}}
processors: {resolve_process: {}, resolve_user: {}}
exporters: {debug: {verbosity: normal, format: json}}
service:
  telemetry: {metrics: {level: none}, logs: {encoding: json}}
  pipelines: {logs: {receivers: [process], processors: [resolve_process, resolve_user], exporters: [debug]}}
`;

const measureLoop = (): number => Number(execFileSync(loop, [String(PROCESSES)], { encoding: 'utf8' }));

/** Starts a command whose output goes to /dev/null and waits for a line on its stderr that matches, or for programs to be attached. */
const start = async (command: string, args: readonly string[], ready: (child: ChildProcess) => Promise<unknown>): Promise<ChildProcess> => {
  const sink = openSync('/dev/null', 'w');
  const child = spawn(command, args, { stdio: ['ignore', sink, 'pipe'] });
  closeSync(sink);
  const late = AbortSignal.timeout(READY_MS);
  await Promise.race([
    ready(child),
    once(late, 'abort').then(() => Promise.reject(new Error(`${command} is not ready after ${READY_MS} ms`))),
  ]);
  return child;
};

const stop = async (child: ChildProcess): Promise<void> => {
  const gone = once(child, 'exit');
  child.kill('SIGINT');
  await gone;
};

const lineOn =
  (pattern: RegExp) =>
  (child: ChildProcess): Promise<void> =>
    new Promise((resolve, reject) => {
      let text = '';
      child.once('exit', (code) => reject(new Error(`ended with ${code}: ${text.slice(-500)}`)));
      child.stderr!.on('data', (chunk: Buffer) => {
        text = (text + chunk.toString('utf8')).slice(-65_536);
        if (pattern.test(text)) resolve();
      });
    });

type Program = { readonly name?: string };

/** execsnoop says nothing when it is ready: its programs are looked for. */
const execsnoopAttached = async (child: ChildProcess): Promise<void> => {
  const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin` };
  const names = () =>
    (JSON.parse(execFileSync('bpftool', ['prog', 'show', '-j'], { encoding: 'utf8', env })) as Program[]).map(({ name }) => name ?? '');
  while (names().filter((name) => name.startsWith('tracepoint__sy')).length < 2) {
    if (child.exitCode !== null) throw new Error(`execsnoop ended with ${child.exitCode}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

/** execsnoop attaches to tracepoints by name. */
const mountTracefs = (): void => {
  if (!existsSync('/sys/kernel/tracing/events')) execFileSync('mount', ['-t', 'tracefs', 'tracefs', '/sys/kernel/tracing']);
};

mountTracefs();
mkdirSync(work, { recursive: true });
execFileSync('gcc', ['-O2', '-static', '-Wall', '-o', loop, join(root, 'bench/exec-loop.c')]);
const configFile = join(work, 'overhead.yaml');
writeFileSync(configFile, config);

const nothing: number[] = [];
const again: number[] = [];
const ringtail: number[] = [];
const peer: number[] = [];
for (let round = -1; round < rounds; round++) {
  const kept = round >= 0;
  const plain = measureLoop();
  const ours = await start(join(root, 'bin/ringtail'), ['run', '--config', configFile], lineOn(/receiver started[\s\S]*"ready"|ready/));
  const withOurs = measureLoop();
  await stop(ours);
  const plainAgain = measureLoop();
  let withPeer = Number.NaN;
  if (execsnoop !== undefined) {
    const theirs = await start(execsnoop, [], execsnoopAttached);
    withPeer = measureLoop();
    await stop(theirs);
  }
  if (!kept) continue;
  nothing.push(plain);
  ringtail.push(withOurs);
  again.push(plainAgain);
  peer.push(withPeer);
}

const us = (values: readonly number[]) => show(quartiles(values.map((ns) => ns / 1000)), 1).padStart(22);
console.log(`fork + exec + exit + wait of a static program; ${rounds} interleaved rounds of ${PROCESSES}, median [quartiles]`);
console.log(`  nothing attached ${us(nothing)} us`);
console.log(`  nothing, again   ${us(again)} us   ${show(ratios(again, nothing), 3)} of nothing`);
console.log(`  ringtail         ${us(ringtail)} us   ${show(ratios(ringtail, nothing), 3)} of nothing`);
if (execsnoop === undefined) console.log('  execsnoop is not installed: not compared');
else {
  console.log(`  execsnoop        ${us(peer)} us   ${show(ratios(peer, nothing), 3)} of nothing`);
  console.log(`  ringtail over execsnoop ${show(ratios(ringtail, peer), 3)}`);
}
const noise = ratios(again, nothing);
if (noise.high - noise.low > 0.1) console.log('  inconclusive: nothing against nothing spreads by more than 10 %');

/** A configuration that changes again and again under load: nothing lost, nothing twice, nothing detached that stays, nothing that grows. */
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { needCollector, startCollector } from './support/collector.ts';
import { kernelObjectsOf, leftOf } from './support/kernel-objects.ts';
import { readOtlpFile } from './support/otlp-file.ts';
import { freePorts, temporaryFolder, workload } from './support/places.ts';
import { rssAnonKib, until } from './support/processes.ts';
import { launchRingtail, readSamples, type Ringtail, startRingtail } from './support/ringtail.ts';
import { createStormCheck, runStorm } from './support/storm.ts';

const collectorBinary = needCollector();

const RELOADS = 100;
const PER_SECOND = 300;
/** The storm outlasts the reloads on any machine that is not overloaded: they take a tenth of a second each. */
const CHILDREN = PER_SECOND * 40;
/** By then every kind of configuration was there, and what is made once is made. */
const WARM_UP = 30;
/** What the heap of V8 holds between two collections varies by several MiB. */
const GROWTH_LIMIT_KIB = 32 * 1024;

/** Options that vary; what is not given is as in the first configuration. */
type Variant = {
  readonly receiver?: object;
  readonly ancestors?: number;
  readonly exporter?: object;
  readonly second?: boolean;
  readonly logLevel?: string;
  readonly kernel?: object;
  readonly metricsPort?: number;
};

type Ports = { readonly grpcPort: number; readonly sinkPort: number; readonly metricsPort: number };

/** JSON is YAML. */
const configOf = ({ grpcPort, sinkPort, metricsPort }: Ports, variant: Variant = {}): string => {
  const second = variant.second === true;
  return JSON.stringify({
    receivers: {
      process: { events: ['exec', 'fork', 'exit'], ...variant.receiver },
      ...(second ? { 'process/b': { events: ['exec'], args: { max_bytes: 64 } } } : {}),
    },
    processors: { resolve_process: { ancestors: variant.ancestors ?? 0 }, resolve_user: {} },
    exporters: {
      otlp_grpc: { endpoint: `127.0.0.1:${grpcPort}`, ...variant.exporter },
      ...(second ? { 'otlp_http/b': { endpoint: `http://127.0.0.1:${sinkPort}` } } : {}),
    },
    kernel: { flush_interval: '20ms', ...variant.kernel },
    service: {
      telemetry: {
        metrics: { address: `127.0.0.1:${variant.metricsPort ?? metricsPort}` },
        logs: { level: variant.logLevel ?? 'info' },
      },
      pipelines: {
        logs: { receivers: ['process'], processors: ['resolve_process', 'resolve_user'], exporters: ['otlp_grpc'] },
        ...(second ? { 'logs/b': { receivers: ['process', 'process/b'], processors: ['resolve_user'], exporters: ['otlp_http/b'] } } : {}),
      },
    },
  });
};

const valid: readonly Variant[] = [
  { receiver: { args: { max_bytes: '16KiB' } } },
  { second: true },
  { ancestors: 2 },
  { exporter: { flush_interval: '50ms' } },
  { receiver: { failed_execs: false } },
  {},
  { receiver: { threads: true }, second: true, logLevel: 'debug' },
  { exporter: { sending_queue: { num_consumers: 2 } }, receiver: { args: { max_bytes: '8KiB' } } },
  { receiver: { failed_execs: false }, ancestors: 1, second: true },
  {},
];

/** Answers every request; its port. */
const startSink = async (): Promise<number> => {
  const server = createHttpServer((request, response) => {
    request.resume().on('end', () => response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
};

/** A port that is taken. */
const startSquatter = async (): Promise<number> => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
};

/** Counters alone, by their whole names. */
const readCounters = async (metricsPort: number): Promise<ReadonlyMap<string, number>> => {
  const page = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  return new Map(Array.from(page.matchAll(/^(\w+_total(?:\{.*\})?) (\S+)$/gm), ([, name, value]) => [name!, Number(value)]));
};

const outcomesOf = async (metricsPort: number): Promise<Readonly<Record<'applied' | 'unchanged' | 'refused', number>>> => {
  const samples = await readSamples(metricsPort);
  const of = (result: string) =>
    samples.find(({ name, labels }) => name === 'ringtail_config_reloads' && labels['result'] === result)?.value ?? 0;
  return { applied: of('applied'), unchanged: of('unchanged'), refused: of('refused') };
};

const descriptorsOf = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

const expectNothingWrong = (ringtail: Ringtail): void => {
  const last = ringtail.logs().at(-1);
  expect(last).toMatchObject({ msg: 'stopped; the books balance', lost: 0, refused: 0, dropped: 0 });
};

describe('a hundred reloads under load, half of them of wrong configurations', () => {
  test('lose nothing, tell nothing twice, detach nothing that stays, and leave nothing behind', async (context) => {
    const binary = collectorBinary(context);
    const folder = temporaryFolder();
    const [grpcPort, httpPort, metricsPort] = (await freePorts(3)) as [number, number, number];
    const place = { folder, grpcPort, httpPort, file: join(folder, 'logs.bin') };
    const collector = await startCollector(binary, place);
    const ports = { grpcPort, metricsPort, sinkPort: await startSink() };
    const takenPort = await startSquatter();
    const invalid: readonly string[] = [
      `${configOf(ports)} ]`,
      configOf(ports).replace('"resolve_user":{}', '"resolve_usr":{}'),
      configOf(ports, { metricsPort: takenPort, second: true }),
      configOf(ports, { exporter: { tls: { ca_file: join(folder, 'none.pem') }, endpoint: 'https://127.0.0.1:1' }, second: true }),
      configOf(ports, { kernel: { ring_bytes: '4MiB' } }),
    ];
    const config = join(folder, 'ringtail.yaml');
    writeFileSync(config, configOf(ports));
    const ringtail = await startRingtail(config);
    const links = kernelObjectsOf(ringtail.pid).link.toSorted((a, b) => a - b);
    // three of cgroups, then fork, exec, exit; then the one of failed execs, which comes and goes with the option
    expect(links).toHaveLength(7);
    const stay = { prog: [], map: [], link: links.slice(0, 6) };

    let stormEnded = false;
    const running = runStorm({
      program: workload('spawn-storm'),
      count: CHILDREN,
      workers: 2,
      parallel: 4,
      liveUs: 1000,
      perSecond: PER_SECOND,
      prefix: 'reload-',
      listFile: join(folder, 'pids'),
    }).finally(() => (stormEnded = true));
    running.catch(() => {});

    const usage = () => ({ descriptors: descriptorsOf(ringtail.pid), rssKib: rssAnonKib(ringtail.pid)! });
    let warm: ReturnType<typeof usage> | undefined;
    let counters = await readCounters(metricsPort);
    const wrong: string[] = [];
    let underLoad = 0;
    for (let round = 0; round < RELOADS; round++) {
      const isValid = round % 2 === 0;
      const text = isValid ? configOf(ports, valid[(round / 2) % valid.length]) : invalid[((round - 1) / 2) % invalid.length]!;
      writeFileSync(config, text);
      ringtail.child.kill('SIGHUP');
      await until(
        async () => {
          const { applied, unchanged, refused } = await outcomesOf(metricsPort);
          return applied + unchanged + refused === round + 1;
        },
        `the outcome of reload ${round}`,
        { otherwise: ringtail.stderr },
      );
      const { refused } = await outcomesOf(metricsPort);
      if (refused !== Math.floor((round + 1) / 2)) wrong.push(`${refused} were refused after reload ${round}`);
      const after = await readCounters(metricsPort);
      for (const [name, value] of counters)
        if (!(after.get(name)! >= value)) wrong.push(`${name} went from ${value} to ${after.get(name)}`);
      counters = after;
      const have = kernelObjectsOf(ringtail.pid).link;
      for (const link of stay.link) if (!have.includes(link)) wrong.push(`link ${link} is gone after reload ${round}`);
      if (!stormEnded) underLoad++;
      if (round === WARM_UP - 1) warm = usage();
    }
    expect(leftOf(stay)).toHaveLength(6);
    console.log(`${underLoad} of ${RELOADS} reloads under load`);
    expect(wrong).toEqual([]);
    expect(underLoad).toBeGreaterThan(RELOADS / 2);

    const storm = await running;
    // replaced exporters have sent what they held, and their connections are gone
    await until(() => descriptorsOf(ringtail.pid) <= warm!.descriptors, 'descriptors as at the beginning', {
      otherwise: () => `${descriptorsOf(ringtail.pid)} instead of ${warm!.descriptors}`,
    });
    const end = usage();
    console.log(`after ${WARM_UP} reloads: ${JSON.stringify(warm)}, after ${RELOADS}: ${JSON.stringify(end)}`);
    expect(end.rssKib - warm!.rssKib).toBeLessThan(GROWTH_LIMIT_KIB);
    expect(await ringtail.stop()).toEqual({ code: 0, signal: null });
    await collector.stop();
    expectNothingWrong(ringtail);

    const check = createStormCheck(storm);
    await readOtlpFile(place.file, check.onRecord);
    const { counts, problems } = check.finish();
    expect(problems).toEqual([]);
    expect(counts).toMatchObject({ execs: CHILDREN, exits: CHILDREN });
  });
});

describe('--watch', () => {
  test('reloads when files change, also those that the configuration refers to, and is not disturbed by wrong ones', async (context) => {
    const binary = collectorBinary(context);
    const folder = temporaryFolder();
    const [grpcPort, httpPort, metricsPort] = (await freePorts(3)) as [number, number, number];
    const collector = await startCollector(binary, { folder, grpcPort, httpPort, file: join(folder, 'logs.bin') });
    const ports = { grpcPort, metricsPort, sinkPort: await startSink() };
    const config = join(folder, 'ringtail.yaml');
    const referred = join(folder, 'level');
    const replace = (file: string, text: string) => {
      writeFileSync(`${file}.new`, text);
      renameSync(`${file}.new`, file);
    };
    const level = '${file:level}';
    writeFileSync(referred, 'info\n');
    writeFileSync(config, configOf(ports, { logLevel: level }));
    const ringtail = launchRingtail(['run', '--watch', '--config', config]);
    await ringtail.log('ready');
    const reach = (wanted: Partial<Awaited<ReturnType<typeof outcomesOf>>>) =>
      until(
        async () => {
          const outcomes = await outcomesOf(metricsPort);
          return Object.entries(wanted).every(([result, count]) => outcomes[result as keyof typeof outcomes] >= count);
        },
        JSON.stringify(wanted),
        { otherwise: ringtail.stderr },
      );
    replace(referred, 'debug\n');
    await reach({ applied: 1 });
    replace(referred, 'loud\n');
    await reach({ refused: 1 });
    replace(referred, 'info\n');
    await reach({ applied: 2 });
    replace(config, configOf(ports, { second: true }));
    await reach({ applied: 3 });
    writeFileSync(config, 'receivers: [');
    await reach({ refused: 2 });
    replace(config, configOf(ports, { logLevel: level }));
    await reach({ applied: 4 });
    const refusal = ringtail.logs().find(({ msg }) => msg === 'the new configuration was refused; everything goes on as before');
    expect(JSON.stringify(refusal)).toContain('service.telemetry.logs.level');
    expect(await ringtail.stop()).toEqual({ code: 0, signal: null });
    await collector.stop();
    expectNothingWrong(ringtail);
  });
});

describe('SIGHUP', () => {
  /** True when the process has a handler for it. */
  const catchesHangup = (pid: number): boolean => {
    const caught = /^SigCgt:\s+([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0';
    return (BigInt(`0x${caught}`) & 1n) === 1n;
  };

  test('is safe while Ringtail starts and while it stops', async () => {
    const folder = temporaryFolder();
    const [nobody, metricsPort] = (await freePorts(2)) as [number, number];
    const config = join(folder, 'ringtail.yaml');
    writeFileSync(
      config,
      configOf(
        { grpcPort: nobody, sinkPort: nobody, metricsPort },
        { exporter: { retry_on_failure: { initial_interval: '100ms', max_elapsed_time: '1s' } } },
      ),
    );
    const ringtail = launchRingtail(['run', '--config', config]);
    await until(() => catchesHangup(ringtail.pid), 'the handler');
    const hangup = () => ringtail.child.kill('SIGHUP');
    await until(() => {
      hangup();
      return ringtail.logs().some(({ msg }) => msg === 'ready');
    }, 'ready');
    await ringtail.log('the configuration is the same as before');
    ringtail.child.kill('SIGINT');
    await until(() => ringtail.hasEnded() || !hangup(), 'the end');
    expect(await ringtail.ended).toEqual({ code: 0, signal: null });
    expect(ringtail.logs().at(-1)).toMatchObject({ msg: 'stopped; the books balance' });
  });

  test('stops a Ringtail without a configuration: its terminal went away', async () => {
    const ringtail = launchRingtail(['run']);
    await ringtail.log('ready');
    ringtail.child.kill('SIGHUP');
    expect(await ringtail.ended).toEqual({ code: 0, signal: null });
  });
});

/**
 * The Collector goes away under load and comes back. Five minutes are shortened: what decides is how much comes meanwhile and how much the queue
 * holds, and each test prints what the same would be for five minutes. The phases end when something was counted, not by the clock.
 */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { needCollector, startCollector } from './support/collector.ts';
import { type LogRecord, readOtlpFile } from './support/otlp-file.ts';
import { freePorts, temporaryFolder, workload } from './support/places.ts';
import { until } from './support/processes.ts';
import { readBooks, readSamples, startRingtail, sumOf, toCollector, totalOf, writeConfig } from './support/ringtail.ts';
import { createStormCheck, runStorm } from './support/storm.ts';

const collectorBinary = needCollector();

const PER_SECOND = 500;
/** Three records each, so 1,500 records a second for 16 s. */
const CHILDREN = PER_SECOND * 16;
/** Sent before the outage begins, records. */
const BEFORE = 1000;
const FIVE_MINUTES_S = 300;
/** Over this time the rate of arrival is measured, ms. */
const RATE_WINDOW_MS = 1000;
const quickRetry = 'retry_on_failure: {initial_interval: 50ms, max_interval: 200ms}';

type Look = { readonly atMs: number; readonly held: number; readonly sent: number; readonly dropped: number; readonly lost: number };

type Scenario = {
  readonly protocol: 'grpc' | 'http';
  /** Lines of the exporter. */
  readonly exporter: readonly string[];
  /** More of the configuration. */
  readonly rest?: string;
  /** The outage ends when this is true. */
  readonly enough: (look: Look) => boolean;
};

const runOutage = async (binary: string, { protocol, exporter, rest = '', enough }: Scenario) => {
  const folder = temporaryFolder();
  const [grpcPort, httpPort, metricsPort] = (await freePorts(3)) as [number, number, number];
  const place = { folder, grpcPort, httpPort, file: join(folder, 'logs.bin') };
  const first = await startCollector(binary, place, { append: true });
  const port = protocol === 'grpc' ? grpcPort : httpPort;
  const ringtail = await startRingtail(writeConfig(folder, toCollector({ protocol, port, metricsPort, exporter }) + rest));
  const look = async (): Promise<Look> => {
    const books = await readBooks(metricsPort);
    const of = (part: string) => sumOf(books, 'exporter', part);
    return { atMs: performance.now(), held: of('held'), sent: of('sent'), dropped: of('dropped'), lost: sumOf(books, 'kernel', 'lost') };
  };
  const reach = async (what: string, isReached: (seen: Look) => boolean): Promise<Look> =>
    await until(
      async () => {
        const seen = await look();
        return isReached(seen) ? seen : undefined;
      },
      what,
      { otherwise: ringtail.stderr },
    );

  const running = runStorm({
    program: workload('spawn-storm'),
    count: CHILDREN,
    workers: 2,
    parallel: 4,
    liveUs: 1000,
    perSecond: PER_SECOND,
    prefix: `outage-${protocol}-`,
    listFile: join(folder, 'pids'),
  });
  running.catch(() => {});
  await reach('records to be sent', ({ sent }) => sent >= BEFORE);
  await first.stop();
  const away = await reach('nothing to be sent', ({ held }) => held > 0);
  const middle = await reach('a second to pass', ({ atMs }) => atMs - away.atMs >= RATE_WINDOW_MS);
  const end = await reach('the outage to have its effect', enough);
  const during = await readBooks(metricsPort);
  const samples = await readSamples(metricsPort);
  const queueBytes = samples.find(({ name }) => name === 'otelcol_exporter_queue_size')!.value;
  const second = await startCollector(binary, place, { append: true });
  const back = await look();
  /** The last look before it begins to send again: how long that takes is a matter of the retry's intervals, not of the drain. */
  let idle = back;
  const drained = await reach('what was held to be sent', (seen) => {
    if (seen.sent === back.sent) idle = seen;
    return seen.sent >= back.sent + back.held;
  });
  const storm = await running;
  await reach('the rest to be sent', ({ held }) => held === 0);
  const { code } = await ringtail.stop();
  await second.stop();

  const check = createStormCheck(storm);
  const losses: LogRecord[] = [];
  const records = await readOtlpFile(place.file, (record) => {
    if (record.eventName === 'ringtail.loss') losses.push(record);
    else check.onRecord(record);
  });
  const last = ringtail.logs().at(-1) as unknown as {
    readonly msg: string;
    readonly read: number;
    readonly sent: number;
    readonly lost: number;
    readonly refused: number;
    readonly dropped: number;
  };
  return {
    code,
    during,
    records,
    last,
    /** Of processes that the storm made. At least once: what the stopping Collector could not acknowledge is sent again. */
    ...check.finish({ atMostOnce: false }),
    /** What the data tell of lost records, by reason. */
    toldLost: (reason: string): number =>
      losses
        .filter(({ attributes }) => attributes.get('ringtail.reason') === reason)
        .reduce((sum, { attributes }) => sum + Number(attributes.get('ringtail.lost')), 0),
    losses: losses.length,
    reasonOf: new Map(
      samples
        .filter(({ name, labels }) => name === 'ringtail_exporter_items' && labels['outcome'] === 'dropped')
        .map(({ labels, value }) => [labels['reason'], value]),
    ),
    arithmetic: {
      awayS: (end.atMs - away.atMs) / 1000,
      arrivalPerS: ((middle.held - away.held) * 1000) / (middle.atMs - away.atMs),
      drainPerS: ((drained.sent - back.sent) * 1000) / (drained.atMs - idle.atMs),
      bytesPerRecord: queueBytes / end.held,
      held: end.held,
      queueBytes,
    },
  };
};

const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

describe.each(['grpc', 'http'] as const)('a Collector that stops and starts, by otlp_%s', (protocol) => {
  test('nothing accepted is lost while the queue has room, and it is worked off in no time', async (context) => {
    const outage = await runOutage(collectorBinary(context), { protocol, exporter: [quickRetry], enough: ({ held }) => held >= 12_000 });
    const { awayS, arrivalPerS, drainPerS, bytesPerRecord, held, queueBytes } = outage.arithmetic;
    console.log(
      `${protocol}: away for ${awayS.toFixed(1)} s at ${Math.round(arrivalPerS)} records/s of ${Math.round(bytesPerRecord)} B: ` +
        `${held} records, ${mib(queueBytes)} of 32 MiB held; in ${FIVE_MINUTES_S} s it were ${mib(FIVE_MINUTES_S * arrivalPerS * bytesPerRecord)}; ` +
        `worked off at ${Math.round(drainPerS)} records/s, ${(drainPerS / arrivalPerS).toFixed(1)} times the arrival`,
    );
    expect(outage.during.balanced).toBe(true);
    expect(outage.missing).toEqual({ execs: 0, exits: 0 });
    expect(outage.problems).toEqual([]);
    expect(outage.last).toMatchObject({ msg: 'stopped; the books balance', lost: 0, refused: 0, dropped: 0 });
    expect(outage.records).toBeGreaterThanOrEqual(outage.last.sent);
    expect(drainPerS / arrivalPerS).toBeGreaterThanOrEqual(5);
    expect(outage.code).toBe(0);
  });

  test('a queue without room drops, counts and tells it to the record', async (context) => {
    const outage = await runOutage(collectorBinary(context), {
      protocol,
      exporter: [quickRetry, 'sending_queue: {queue_size: 4MiB}'],
      enough: ({ dropped }) => dropped >= 2000,
    });
    const { last, missing } = outage;
    expect(outage.during.balanced).toBe(true);
    expect([...outage.reasonOf.keys()]).toEqual(['queue_full']);
    expect(last).toMatchObject({ msg: 'stopped; the books balance', lost: 0, refused: 0 });
    // what was read and the loss events that were made are what was sent and what was dropped
    const made = last.sent + last.dropped - last.read;
    expect(made).toBeGreaterThanOrEqual(outage.losses);
    expect(outage.losses).toBeGreaterThan(0);
    expect(outage.toldLost('queue_full')).toBe(last.dropped);
    expect(outage.records).toBeGreaterThanOrEqual(last.sent);
    // what is missing was dropped, and not more than that
    expect(missing.execs + missing.exits).toBeGreaterThan(0);
    expect(missing.execs + missing.exits).toBeLessThanOrEqual(last.dropped);
    console.log(`${protocol}: ${last.dropped} of ${last.read} records dropped, told in ${outage.losses} events`);
    expect(outage.code).toBe(0);
  });
});

test('a queue that blocks drops nothing; the kernel counts and the data tell what the ring could not hold', async (context) => {
  const outage = await runOutage(collectorBinary(context), {
    protocol: 'http',
    exporter: [quickRetry, 'sending_queue: {queue_size: 4MiB, block_on_overflow: true}'],
    rest: 'kernel: {ring_bytes: 256KiB}\n',
    enough: ({ lost }) => lost >= 500,
  });
  const { last, missing } = outage;
  expect(outage.during.balanced).toBe(true);
  expect(totalOf(outage.during, 'exporter')).toBeGreaterThan(0);
  expect(last).toMatchObject({ msg: 'stopped; the books balance', refused: 0, dropped: 0 });
  expect(last.lost).toBeGreaterThanOrEqual(500);
  expect(outage.toldLost('ring_full')).toBe(last.lost);
  expect(missing.execs + missing.exits).toBeLessThanOrEqual(last.lost);
  console.log(`block_on_overflow: ${last.lost} records lost in the ring, none dropped, ${last.sent} sent`);
  expect(outage.code).toBe(0);
});

test('a stop while a queue blocks ends, and what is left is counted', async () => {
  const folder = temporaryFolder();
  const [deadPort, metricsPort] = (await freePorts(2)) as [number, number];
  const exporter = [quickRetry, 'sending_queue: {queue_size: 4MiB, block_on_overflow: true}'];
  const config = toCollector({ protocol: 'http', port: deadPort, metricsPort, exporter });
  const ringtail = await startRingtail(writeConfig(folder, `${config}kernel: {ring_bytes: 256KiB}\n`));
  const running = runStorm({
    program: workload('spawn-storm'),
    count: CHILDREN,
    workers: 2,
    parallel: 4,
    liveUs: 1000,
    perSecond: PER_SECOND,
    prefix: 'outage-stop-',
    listFile: join(folder, 'pids'),
  });
  running.catch(() => {});
  await until(async () => sumOf(await readBooks(metricsPort), 'kernel', 'lost') > 0, 'the ring to be full', { otherwise: ringtail.stderr });
  const { code } = await ringtail.stop();
  const last = ringtail.logs().at(-1) as unknown as { readonly read: number; readonly sent: number; readonly dropped: number };
  expect(last).toMatchObject({ msg: 'stopped; the books balance', refused: 0, sent: 0 });
  // nothing was dropped before, so everything was held until then; nothing tells of a loss that comes with the end
  expect(last.dropped).toBe(last.read);
  expect(code).toBe(0);
  await running;
});

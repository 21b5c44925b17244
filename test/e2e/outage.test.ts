/**
 * The Collector goes away for a third of a run of a minute and comes back. At 300 processes a second and three records of 0.5 to 1 KiB
 * each, twenty seconds are 18,000 records and 9 to 18 MiB: the queue of the first test (32 MiB) has room for that, the one of the second
 * (4 MiB) has not.
 */
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { needCollector, startCollector } from './support/collector.ts';
import { readOtlpFile } from './support/otlp-file.ts';
import { freePorts, temporaryFolder, workload } from './support/places.ts';
import { until } from './support/processes.ts';
import { readBooks, readSamples, startRingtail, sumOf, toCollector, writeConfig } from './support/ringtail.ts';
import { createStormCheck, runStorm } from './support/storm.ts';

const collectorBinary = needCollector();

const PER_SECOND = 300;
const RUN_S = 60;
const PHASE_MS = (RUN_S * 1000) / 3;
const CHILDREN = PER_SECOND * RUN_S;
const quickRetry = 'retry_on_failure: {initial_interval: 100ms, max_interval: 500ms}';

describe.each(['grpc', 'http'] as const)('a Collector that stops and starts, by otlp_%s', (protocol) => {
  const scenario = async (binary: string, exporter: readonly string[]) => {
    const folder = temporaryFolder();
    const [grpcPort, httpPort, metricsPort] = (await freePorts(3)) as [number, number, number];
    const place = { folder, grpcPort, httpPort, file: join(folder, 'logs.bin') };
    const first = await startCollector(binary, place, { append: true });
    const port = protocol === 'grpc' ? grpcPort : httpPort;
    const ringtail = await startRingtail(writeConfig(folder, toCollector({ protocol, port, metricsPort, exporter })));
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
    // the phases of the load, which runs by the clock; nothing is asserted of time
    await wait(PHASE_MS);
    const sentBefore = sumOf(await readBooks(metricsPort), 'exporter', 'sent');
    await first.stop();
    await wait(PHASE_MS);
    const during = await readBooks(metricsPort);
    const reasons = new Map(
      (await readSamples(metricsPort))
        .filter(({ name, labels }) => name === 'ringtail_exporter_items' && labels['outcome'] === 'dropped')
        .map(({ labels, value }) => [labels['reason'], value]),
    );
    const second = await startCollector(binary, place, { append: true });
    const storm = await running;
    await until(async () => sumOf(await readBooks(metricsPort), 'exporter', 'held') === 0, 'the queue to empty', {
      otherwise: ringtail.stderr,
    });
    const { code } = await ringtail.stop();
    await second.stop();
    const check = createStormCheck(storm);
    const records = await readOtlpFile(place.file, check.onRecord);
    return { ringtail, code, sentBefore, during, reasons, records, check };
  };

  test('nothing accepted is lost while the queue has room', async (context) => {
    const { ringtail, code, sentBefore, during, records, check } = await scenario(collectorBinary(context), [quickRetry]);
    // it was sending before, and holding while nobody took anything
    expect(sentBefore).toBeGreaterThan(0);
    expect(sumOf(during, 'exporter', 'held')).toBeGreaterThan(0);
    expect(during.balanced).toBe(true);
    // at least once: an answer that the stopping Collector could not give any more is asked for again
    const { problems, missing } = check.finish({ atMostOnce: false });
    expect(missing).toEqual({ execs: 0, exits: 0 });
    expect(problems).toEqual([]);
    const last = ringtail.logs().at(-1) as unknown as { readonly sent: number };
    expect(last).toMatchObject({ msg: 'stopped; the books balance', lost: 0, refused: 0, dropped: 0 });
    expect(records).toBeGreaterThanOrEqual(last.sent);
    console.log(`${protocol}: ${records} records in the file, ${last.sent} sent, ${records - last.sent} twice`);
    expect(code).toBe(0);
  });

  test('a queue without room drops, counts by reason, and balances', async (context) => {
    const { ringtail, code, during, reasons, records, check } = await scenario(collectorBinary(context), [
      quickRetry,
      'sending_queue: {queue_size: 4MiB}',
    ]);
    expect(during.balanced).toBe(true);
    expect(reasons.get('queue_full')).toBeGreaterThan(0);
    const last = ringtail.logs().at(-1) as unknown as { readonly read: number; readonly sent: number; readonly dropped: number };
    expect(last).toMatchObject({ msg: 'stopped; the books balance', lost: 0, refused: 0 });
    expect(last.dropped).toBeGreaterThan(0);
    expect(last.sent + last.dropped).toBe(last.read);
    expect(records).toBeGreaterThanOrEqual(last.sent);
    const { missing } = check.finish({ atMostOnce: false });
    // what is missing was dropped, and not more than that
    expect(missing.execs + missing.exits).toBeGreaterThan(0);
    expect(missing.execs + missing.exits).toBeLessThanOrEqual(last.dropped);
    expect(code).toBe(0);
  });
});

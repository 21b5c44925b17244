/**
 * Processes that live about a millisecond, through the product into a real Collector, once by each protocol: none is missing, none comes
 * twice, each is named wholly, and the books say the same as the Collector's file.
 */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { needCollector, startCollector } from './support/collector.ts';
import { readOtlpFile } from './support/otlp-file.ts';
import { freePorts, temporaryFolder, workload } from './support/places.ts';
import { sampleRssAnon, until } from './support/processes.ts';
import { askForLedger, readBooks, startRingtail, sumOf, toCollector, totalOf, writeConfig } from './support/ringtail.ts';
import { createStormCheck, runStorm } from './support/storm.ts';

const collectorBinary = needCollector();

const CHILDREN = Number(process.env['RINGTAIL_E2E_CHILDREN'] ?? 100_000);
const MEMORY_LIMIT_MIB = 110;
/**
 * Flat: the median of the last quarter is at most this much above that of the third. The collector of garbage lets it go up and down by
 * more than that, but what is kept of each record shows: a quarter is 75,000 records, so that 110 bytes of each make 8 MiB.
 */
const FLAT_WITHIN_MIB = 8;

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

/** RssAnon over a run, in MiB. */
const judgeMemory = (samplesKib: readonly number[]) => {
  const mib = samplesKib.map((kib) => kib / 1024);
  const quarter = (n: number) => mib.slice(Math.floor((mib.length * (n - 1)) / 4), Math.floor((mib.length * n) / 4));
  return { samples: mib.length, largest: Math.max(...mib), third: median(quarter(3)), last: median(quarter(4)) };
};

describe.each(['grpc', 'http'] as const)('by otlp_%s', (protocol) => {
  test(`${CHILDREN} processes of a millisecond arrive, each once and wholly named`, async (context) => {
    const binary = collectorBinary(context);
    const folder = temporaryFolder();
    const [grpcPort, httpPort, metricsPort] = (await freePorts(3)) as [number, number, number];
    const place = { folder, grpcPort, httpPort, file: join(folder, 'logs.bin') };
    const collector = await startCollector(binary, place);
    const config = writeConfig(folder, toCollector({ protocol, port: protocol === 'grpc' ? grpcPort : httpPort, metricsPort }));
    const ringtail = await startRingtail(config);

    // what the metrics page itself needs is there from now on
    expect((await readBooks(metricsPort)).balanced).toBe(true);
    const memory = sampleRssAnon(ringtail.pid);
    const storm = await runStorm({
      program: workload('spawn-storm'),
      count: CHILDREN,
      workers: 4,
      parallel: 4,
      liveUs: 500,
      perSecond: 0,
      prefix: `storm-${protocol}-`,
      listFile: join(folder, 'pids'),
    });
    // Two records at least of each child have been sent, and nothing is held.
    const settled = await until(
      async () => {
        const books = await readBooks(metricsPort);
        return books.balanced && sumOf(books, 'exporter', 'held') === 0 && sumOf(books, 'exporter', 'sent') >= 2 * CHILDREN && books;
      },
      'all records to be sent',
      { deadlineMs: 60_000, otherwise: ringtail.stderr },
    );
    const samples = memory.stop();
    const { code: ledgerCode, ledger } = await askForLedger(metricsPort);
    const { code } = await ringtail.stop();
    await collector.stop();

    const check = createStormCheck(storm);
    const records = await readOtlpFile(place.file, check.onRecord);
    const { counts, problems } = check.finish();
    const used = judgeMemory(samples);
    console.log(
      `${protocol}: ${counts.execs} execs, ${counts.forks} forks, ${counts.exits} exits of ${records} records; storm ${storm.endedMs - storm.startedMs} ms`,
    );
    console.log(
      `${protocol}: RssAnon MiB: at most ${used.largest.toFixed(1)}, median of the third quarter ${used.third.toFixed(1)}, of the last ${used.last.toFixed(1)}`,
    );

    expect(problems).toEqual([]);
    expect(counts).toEqual({ execs: CHILDREN, exits: CHILDREN, forks: CHILDREN });

    expect(ledgerCode).toBe(0);
    for (const books of [settled, ledger]) {
      expect(books.balanced).toBe(true);
      expect(sumOf(books, 'kernel', 'lost')).toBe(0);
      expect(totalOf(books, 'kernel')).toBeGreaterThanOrEqual(3 * CHILDREN);
    }
    const last = ringtail.logs().at(-1);
    expect(last).toMatchObject({
      level: 'info',
      msg: 'stopped; the books balance',
      read: records,
      sent: records,
      lost: 0,
      refused: 0,
      dropped: 0,
    });
    expect(code).toBe(0);

    expect(used.samples).toBeGreaterThan(20);
    expect(used.largest).toBeLessThan(MEMORY_LIMIT_MIB);
    expect(used.last - used.third).toBeLessThan(FLAT_WITHIN_MIB);
  });
});

/** One frame at a time: the next one is drawn when what came of the one before was delivered. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { needCollector, startCollector } from './support/collector.ts';
import { readOtlpFile } from './support/otlp-file.ts';
import { freePorts, temporaryFolder, workload } from './support/places.ts';
import { readBooks, startRingtail, sumOf, toCollector, writeConfig } from './support/ringtail.ts';
import { createStormCheck, runStorm } from './support/storm.ts';

const collectorBinary = needCollector();

test('an exporter that waits for the result gets everything, and nothing piles up in it', async (context) => {
  const folder = temporaryFolder();
  const [grpcPort, httpPort, metricsPort] = (await freePorts(3)) as [number, number, number];
  const place = { folder, grpcPort, httpPort, file: join(folder, 'logs.bin') };
  const collector = await startCollector(collectorBinary(context), place);
  // nothing is sent for its age: each frame sends what came of the one before
  const exporter = ['flush_interval: 60s', 'sending_queue: {wait_for_result: true}'];
  const ringtail = await startRingtail(writeConfig(folder, toCollector({ protocol: 'http', port: httpPort, metricsPort, exporter })));
  const storm = await runStorm({
    program: workload('spawn-storm'),
    count: 2000,
    workers: 2,
    parallel: 4,
    liveUs: 1000,
    perSecond: 1000,
    prefix: 'wait-',
    listFile: join(folder, 'pids'),
  });
  const books = await readBooks(metricsPort);
  expect(sumOf(books, 'exporter', 'sent')).toBeGreaterThan(sumOf(books, 'exporter', 'held'));
  const { code } = await ringtail.stop();
  await collector.stop();
  const check = createStormCheck(storm);
  const records = await readOtlpFile(place.file, check.onRecord);
  const { missing, problems } = check.finish();
  expect([missing, problems]).toEqual([{ execs: 0, exits: 0 }, []]);
  expect(ringtail.logs().at(-1)).toMatchObject({ msg: 'stopped; the books balance', sent: records, dropped: 0, lost: 0 });
  expect(code).toBe(0);
});

/** A real Collector that takes smaller messages than Ringtail sends: they are halved, nothing is lost, and the next ones are smaller. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { needCollector, startCollector } from './support/collector.ts';
import { readOtlpFile } from './support/otlp-file.ts';
import { freePorts, temporaryFolder, workload } from './support/places.ts';
import { startRingtail, toCollector, writeConfig } from './support/ringtail.ts';
import { createStormCheck, runStorm } from './support/storm.ts';

const collectorBinary = needCollector();

/** Three records each, 3 MiB together: several times what the Collector takes at once. */
const CHILDREN = 1500;

test.for(['grpc', 'http'] as const)('what is too large for the Collector goes to it in parts, by otlp_%s', async (protocol, context) => {
  const folder = temporaryFolder();
  const [grpcPort, httpPort, metricsPort] = (await freePorts(3)) as [number, number, number];
  const place = { folder, grpcPort, httpPort, file: join(folder, 'logs.bin') };
  const collector = await startCollector(collectorBinary(context), place, { maxMessageMib: 1 });
  // only full requests, and the last one
  const exporter = ['flush_interval: 60s'];
  const port = protocol === 'grpc' ? grpcPort : httpPort;
  const ringtail = await startRingtail(writeConfig(folder, toCollector({ protocol, port, metricsPort, exporter })));
  const storm = await runStorm({
    program: workload('spawn-storm'),
    count: CHILDREN,
    workers: 2,
    parallel: 4,
    liveUs: 1000,
    perSecond: 1000,
    prefix: `large-${protocol}-`,
    listFile: join(folder, 'pids'),
  });
  const { code } = await ringtail.stop();
  await collector.stop();
  const check = createStormCheck(storm);
  const records = await readOtlpFile(place.file, check.onRecord);
  const { missing, problems } = check.finish();
  expect([missing, problems]).toEqual([{ execs: 0, exits: 0 }, []]);
  const smaller = ringtail.logs().filter(({ msg }) => msg.startsWith('the receiving side takes smaller requests'));
  expect(smaller.length).toBeGreaterThan(0);
  expect(Number(smaller[0]!['refused_bytes'])).toBeGreaterThan(2 ** 20);
  expect(ringtail.logs().at(-1)).toMatchObject({ msg: 'stopped; the books balance', sent: records, dropped: 0, lost: 0 });
  expect(code).toBe(0);
});

/** From nothing to records in a Collector with what `ringtail init` writes. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { needCollector, startCollector } from './support/collector.ts';
import { readOtlpFile } from './support/otlp-file.ts';
import { freePorts, temporaryFolder } from './support/places.ts';
import { run } from './support/processes.ts';
import { ringtailCommand, startRingtail } from './support/ringtail.ts';

const collectorBinary = needCollector();

test.for(['http', 'grpc'] as const)('finds out that a Collector speaks %s, and sends to it', async (protocol, context) => {
  const binary = collectorBinary(context);
  const folder = temporaryFolder();
  const [grpcPort, httpPort] = (await freePorts(2)) as [number, number];
  const place = { folder, grpcPort, httpPort, file: join(folder, 'logs.bin') };
  const collector = await startCollector(binary, place);
  const config = join(folder, 'made.yaml');
  const port = protocol === 'http' ? httpPort : grpcPort;
  const init = await run(ringtailCommand, ['init', '--output', config, '--endpoint', `127.0.0.1:${port}`]);
  expect(init.stderr).toBe('');
  expect(init.stdout).toContain(`(otlp_${protocol})\n`);
  const valid = await run(ringtailCommand, ['validate', '--config', config]);
  expect(valid).toMatchObject({ code: 0, stdout: expect.stringContaining(`${config} is valid\n`) });

  const ringtail = await startRingtail(config);
  const word = `init-${protocol}-${process.pid}`;
  await run('/bin/true', [word]);
  expect(await ringtail.stop()).toEqual({ code: 0, signal: null });
  await collector.stop();
  const commands: unknown[] = [];
  await readOtlpFile(place.file, ({ eventName, attributes }) => {
    const args = attributes.get('process.command_args');
    if (eventName === 'ringtail.process.exec' && JSON.stringify(args)?.includes(word)) commands.push(args);
  });
  expect(commands).toEqual([['/bin/true', word]]);
});

/** The configurations that the project ships do what they say. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { needCollector, startCollector } from './support/collector.ts';
import { readOtlpFile } from './support/otlp-file.ts';
import { freePorts, projectRoot, temporaryFolder } from './support/places.ts';
import { run } from './support/processes.ts';
import { ringtailCommand, startRingtail } from './support/ringtail.ts';

const collectorBinary = needCollector();

const examples = readdirSync(join(projectRoot, 'config')).filter((name) => name.endsWith('.yaml'));

describe('config/', () => {
  test.each(examples)('%s is valid', async (name) => {
    const { code, stderr } = await run(ringtailCommand, [
      'validate',
      '--no-host',
      '--deny-warnings',
      '--config',
      join(projectRoot, 'config', name),
    ]);
    expect(stderr).toBe('');
    expect(code).toBe(0);
  });

  test.for([
    ['collector.yaml', 'grpc'],
    ['to-collector-http.yaml', 'http'],
  ] as const)('%s sends to the Collector that RINGTAIL_ENDPOINT names', async ([name, protocol], context) => {
    const binary = collectorBinary(context);
    const folder = temporaryFolder();
    const [grpcPort, httpPort] = (await freePorts(2)) as [number, number];
    const place = { folder, grpcPort, httpPort, file: join(folder, 'logs.bin') };
    const collector = await startCollector(binary, place);
    const endpoint = protocol === 'grpc' ? `127.0.0.1:${grpcPort}` : `http://127.0.0.1:${httpPort}`;
    const ringtail = await startRingtail(join(projectRoot, 'config', name), { env: { ...process.env, RINGTAIL_ENDPOINT: endpoint } });
    const word = `example-${protocol}-${process.pid}`;
    await run('/bin/true', [word]);
    // stopping sends what is there
    expect(await ringtail.stop()).toEqual({ code: 0, signal: null });
    await collector.stop();
    const commands: unknown[] = [];
    const resources = new Set<unknown>();
    await readOtlpFile(place.file, ({ eventName, attributes, resource }) => {
      resources.add(resource.get('service.name'));
      const args = attributes.get('process.command_args');
      if (eventName === 'ringtail.process.exec' && JSON.stringify(args)?.includes(word)) commands.push(args);
    });
    expect(commands).toEqual([['/bin/true', word]]);
    expect([...resources]).toEqual(['ringtail']);
  });
});

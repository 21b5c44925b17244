/** Programs of an instrumented application sit in its trace: in the file of a real Collector, which both send to. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { needCollector, startCollector, tracesFileOf } from './support/collector.ts';
import { readSpans, type FileSpan } from './support/otlp-json.ts';
import { freePorts, projectRoot, temporaryFolder } from './support/places.ts';
import { run } from './support/processes.ts';
import { readSamples, startRingtail, writeConfig } from './support/ringtail.ts';

const binaryOf = needCollector();
const app = join(projectRoot, 'test/e2e/support/instrumented-app.ts');

const script = (folder: string, name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  return path;
};

/** What a program is called in the tree: its last two arguments tell scripts apart from what they run. */
const nameOf = ({ name, attributes }: FileSpan): string => {
  const args = attributes.get('process.command_args');
  return Array.isArray(args) ? args.slice(0, 2).map((arg: string) => arg.slice(arg.lastIndexOf('/') + 1)).join(' ') : name; // prettier-ignore
};

/** `child below parent`, of one trace. */
const treeOf = (spans: readonly FileSpan[], traceId: string): readonly string[] => {
  const mine = spans.filter((span) => span.traceId === traceId);
  const parentOf = ({ parentSpanId }: FileSpan): string => {
    const parent = mine.find(({ spanId }) => spanId === parentSpanId);
    return parent === undefined ? parentSpanId : nameOf(parent);
  };
  return mine.map((span) => `${nameOf(span)} below ${parentOf(span)}`).toSorted();
};

test('the tree of a program that an application starts hangs below its span, also when the application is in a tree', async (context) => {
  const binary = binaryOf(context);
  const folder = temporaryFolder();
  const [grpcPort, httpPort, metricsPort] = (await freePorts(3)) as [number, number, number];
  const place = { folder, grpcPort, httpPort, file: join(folder, 'collected') };
  const collector = await startCollector(binary, place);
  const job = script(folder, 'report-job.sh', 'id -u\n/bin/sh -c "ls -d; uname -s"');
  const outer = script(folder, 'report-host.sh', '"$@"\nexit 0');
  const config = writeConfig(
    folder,
    `
receivers:
  process:
    traces:
      roots: {executables: [${outer}, report-host.sh]}
      traceparent: all
processors: {resolve_process: }
exporters:
  otlp_grpc: {endpoint: "127.0.0.1:${grpcPort}", tls: {insecure: true}}
service:
  telemetry: {metrics: {address: "127.0.0.1:${metricsPort}"}}
  pipelines:
    traces: {receivers: [process], processors: [resolve_process], exporters: [otlp_grpc]}
`,
  );
  const ringtail = await startRingtail(config);
  const command = [process.execPath, app, `127.0.0.1:${grpcPort}`, job];
  const runs = [await run(command[0]!, command.slice(1)), await run(outer, command)];
  const [loose, inside] = runs.map(({ stdout, stderr }) => {
    expect(stderr).toBe('');
    return JSON.parse(stdout) as { readonly traceId: string; readonly spanId: string };
  });
  const samples = await readSamples(metricsPort);
  expect(await ringtail.stop()).toEqual({ code: 0, signal: null });
  await collector.stop();

  const spans = readSpans(tracesFileOf(place.file));
  for (const { traceId, spanId } of [loose!, inside!]) {
    expect(treeOf(spans, traceId)).toEqual(
      ['id -u below sh report-job.sh', 'ls -d below sh -c', 'nightly report below ', 'sh -c below sh report-job.sh', 'sh report-job.sh below nightly report', 'uname -s below sh -c'],
    ); // prettier-ignore
    const [work, program] = ['nightly report', 'sh report-job.sh'].map((name) => spans.find((span) => span.traceId === traceId && nameOf(span) === name)!);
    expect(program!.parentSpanId).toBe(spanId);
    expect([work!.resource.get('service.name'), program!.resource.get('service.name')]).toEqual(['shop', 'ringtail']);
  }
  // what is left of the tree around the application is a trace of its own
  const host = spans.find((span) => nameOf(span) === 'sh report-host.sh')!;
  expect(host.parentSpanId).toBe('');
  expect(treeOf(spans, host.traceId).filter((line) => line.includes('report-job'))).toEqual([]);
  expect(treeOf(spans, host.traceId)).toContain('node instrumented-app.ts below sh report-host.sh');
  const taken = samples.find(({ name, labels }) => name === 'ringtail_traceparents' && labels['outcome'] === 'taken');
  expect(taken!.value).toBeGreaterThanOrEqual(2);
}); // prettier-ignore

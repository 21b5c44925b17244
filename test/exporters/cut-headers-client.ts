/**
 * A process of its own, for what it must not do is abort: collects garbage before and behind every callback, sends three requests, one after the other, and prints what
 * became of them as JSON. usage: cut-headers-client.ts PORT
 */
import { createHook } from 'node:async_hooks';
import { otlpGrpcExporter } from '../../src/exporters/otlp-grpc/index.ts';
import { itemsOf, settingsFor, textBatch, until } from './support.ts';

const REQUESTS = 3;
/** More than the window of a server that opens none. */
const RECORDS = 10;
const RECORD_BYTES = 20_000;

const { settings, counters, warnings } = settingsFor('otlp');
const config = otlpGrpcExporter.config.parse({
  endpoint: `http://127.0.0.1:${process.argv[2]}`,
  flush_interval: '1ms',
  timeout: '10s',
  retry_on_failure: { enabled: false },
});
const exporter = otlpGrpcExporter.create(settings, config as never);
await exporter.start();
const collect = (): void => globalThis.gc!();
createHook({ before: collect, after: collect }).enable();
for (let i = 1; i <= REQUESTS; i++) {
  exporter.logs!(textBatch(RECORDS, RECORD_BYTES));
  await until(() => itemsOf(counters)['failed/retry_disabled'] === i * RECORDS);
}
await exporter.stop(1000);
process.stdout.write(JSON.stringify({ items: itemsOf(counters), error: String(warnings[0]?.fields['error']) }));

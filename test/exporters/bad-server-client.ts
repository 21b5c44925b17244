/**
 * A process of its own whose memory is measured: sends thirty requests, one after the other, and prints what became of them as JSON.
 * usage: bad-server-client.ts grpc|http PORT
 */
import { readFileSync } from 'node:fs';
import { otlpGrpcExporter } from '../../src/exporters/otlp-grpc/index.ts';
import { otlpHttpExporter } from '../../src/exporters/otlp-http/index.ts';
import { itemsOf, settingsFor, textBatch, until } from './support.ts';

const REQUESTS = 30;
/** The first ones compile code and fill pools. */
const WARM_UP = 10;

const [, , protocol, port] = process.argv;
const factory = protocol === 'grpc' ? otlpGrpcExporter : otlpHttpExporter;
const { settings, counters, warnings } = settingsFor('otlp');
const config = factory.config.parse({
  endpoint: `http://127.0.0.1:${port}`,
  flush_interval: '1ms',
  timeout: '10s',
  retry_on_failure: { enabled: false },
});
const exporter = factory.create(settings, config as never);
await exporter.start();

const rssAnon = (): number => Number(/^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]) * 1024;
const failed = () => (itemsOf(counters)['failed/permanent'] ?? 0) + (itemsOf(counters)['failed/retry_disabled'] ?? 0);

let before = 0;
let most = 0;
const timer = setInterval(() => (most = Math.max(most, rssAnon())), 1);
for (let i = 1; i <= REQUESTS; i++) {
  exporter.logs!(textBatch(1));
  await until(() => failed() === i);
  if (i === WARM_UP) {
    globalThis.gc!();
    before = rssAnon();
    most = before;
  }
}
clearInterval(timer);
const items = itemsOf(counters);
await exporter.stop(1000);
process.stdout.write(JSON.stringify({ items, error: String(warnings[0]?.fields['error']), grownBytes: most - before }));

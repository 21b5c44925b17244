/** Components may have a word about a configuration that is right. */
import { expect, it } from 'vitest';
import { components } from '../../src/components.ts';
import { loadConfig } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problems.ts';
import { createRegistry } from '../../src/config/registry.ts';

const text = `
receivers:
  process:
exporters:
  otlp_http:
    sending_queue:
      block_on_overflow: true
  otlp_http/b:
  debug:
service:
  pipelines:
    logs:
      receivers: [process]
      exporters: [otlp_http, otlp_http/b]
    logs/terminal:
      receivers: [process]
      exporters: [debug]
`;

it('an exporter that can stall pipelines is warned of where that stands, with their names', () => {
  const { config, problems } = loadConfig([{ file: 'my.yaml', text }], createRegistry(components), {});
  expect(problems.map(formatProblem)).toEqual([
    'my.yaml:7:26: warning: exporters.otlp_http.sending_queue.block_on_overflow: when the queue is full, all receivers wait for this exporter; ' +
      'it can stall the pipelines logs, logs/terminal',
  ]);
  expect(config).toBeDefined();
});

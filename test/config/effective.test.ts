/** The configuration in force, printed, is the same configuration. */
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { components } from '../../src/components.ts';
import type { ComponentConfig } from '../../src/config/check-components.ts';
import { effectiveConfig } from '../../src/config/effective.ts';
import { loadConfig, type RingtailConfig } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problems.ts';
import { createRegistry, type Registry } from '../../src/config/registry.ts';
import { kernelSchema, telemetrySchema } from '../../src/config/schema.ts';
import type { ComponentKind } from '../../src/core/component.ts';
import { isSecret, REDACTED } from '../../src/core/config-types.ts';
import { fakeRegistry } from './fakes.ts';
import { inputsOf } from './random-configs.ts';

const registry = createRegistry(components);
const load = (text: string, from: Registry = registry, environment = {}) => loadConfig([{ file: 'c', text }], from, environment);

/** Secrets as what they hold, so that they can be compared. */
const plain = (value: unknown, secrets: boolean): unknown => {
  if (isSecret(value)) return { secret: secrets ? value.reveal() : REDACTED };
  if (Array.isArray(value)) return value.map((item) => plain(item, secrets));
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) === RegExp.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner, secrets)]));
};

/** All that a configuration means. */
const meaning = (
  { receivers, processors, exporters, extensions, pipelines, telemetry, kernel, exclude }: RingtailConfig,
  secrets = true,
) => ({
  components: [receivers, processors, exporters, extensions].map((section: ReadonlyMap<string, ComponentConfig<ComponentKind>>) =>
    Array.from(section, ([id, { factory, config }]) => [id, factory.type, plain(config, secrets)]),
  ),
  pipelines,
  telemetry,
  kernel,
  exclude,
});

const expectSame = (config: RingtailConfig, from: Registry = registry) => {
  const open = effectiveConfig(config, { redact: false });
  const again = load(open, from);
  expect(again.problems.map(formatProblem)).toEqual([]);
  expect(meaning(again.config!)).toEqual(meaning(config));
  expect(effectiveConfig(again.config!, { redact: false })).toBe(open);

  const shown = effectiveConfig(config);
  const hidden = load(shown, from);
  expect(hidden.problems.filter(({ severity }) => severity === 'error').map(formatProblem)).toEqual([]);
  expect(meaning(hidden.config!, false)).toEqual(meaning(config, false));
  expect(effectiveConfig(hidden.config!)).toBe(shown);
};

const folder = new URL('../../config/', import.meta.url);

describe('the configuration in force', () => {
  it.each(readdirSync(folder).filter((name) => name.endsWith('.yaml')))('of config/%s loads again and is the same', (name) => {
    const { config, problems } = load(readFileSync(new URL(name, folder), 'utf8'));
    expect(problems).toEqual([]);
    expectSame(config!);
  });

  it.each([
    ['', 'queue_size: 32MiB'],
    ['sizer: items', 'queue_size: 100000'],
    ['sizer: requests', 'queue_size: 1000'],
    ['queue_size: 5MiB', 'queue_size: 5MiB'],
  ])('shows the default that depends on another option: {%s} has %s', (written, shown) => {
    const { config } = load(`
receivers: {process: }
exporters: {otlp_http: {sending_queue: {${written}}}}
service: {pipelines: {logs: {receivers: [process], exporters: [otlp_http]}}}`);
    expect(effectiveConfig(config!)).toContain(`      ${shown}\n`);
    expectSame(config!);
  });

  it('of random configurations of every component loads again and is the same', { timeout: 60_000 }, () => {
    let right = 0;
    const section = (kind: ComponentKind) => {
      const factories = components.filter((factory) => factory.kind === kind);
      const bodies = factories.map((factory) => [factory.type, fc.option(inputsOf(factory.config)!, { nil: undefined, freq: 1 })] as const);
      return fc.record(Object.fromEntries(bodies));
    };
    const sections = fc.record({
      receivers: section('receiver'),
      processors: section('processor'),
      exporters: section('exporter'),
      extensions: section('extension'),
      kernel: inputsOf(kernelSchema)!,
      telemetry: inputsOf(telemetrySchema)!,
    });
    fc.assert(
      fc.property(sections, ({ kernel, telemetry, ...parts }) => {
        // What one component takes only together with other options it shall not spoil for the others.
        const taken = Object.fromEntries(
          Object.entries(parts).map(([name, bodies]) => {
            const own = components.filter(({ kind }) => `${kind}s` === name);
            const fit = own.filter(({ type, config }) => config.safeParse(withoutNulls(bodies[type] ?? {})).success);
            return [name, Object.fromEntries(fit.map(({ type }) => [type, bodies[type] ?? null]))];
          }),
        );
        const ids = (name: string) => Object.keys(taken[name] ?? {});
        const serving = (name: string, signal: 'logs' | 'metrics') =>
          ids(name).filter((id) =>
            components.some(({ kind, type, signals }) => `${kind}s` === name && type === id && signals.includes(signal)),
          );
        const pipelineOf = (signal: 'logs' | 'metrics') => ({
          receivers: serving('receivers', signal).slice(0, 1),
          exporters: serving('exporters', signal),
        });
        const pipelines = { logs: { ...pipelineOf('logs'), processors: ids('processors') }, metrics: pipelineOf('metrics') };
        const service = { telemetry, extensions: ids('extensions'), pipelines };
        const text = stringify(escaped({ ...taken, kernel, service }), { aliasDuplicateObjects: false });
        const { config } = load(text);
        if (config === undefined) return;
        right++;
        expectSame(config);
      }),
      { numRuns: 120, seed: 7 },
    );
    expect(right).toBeGreaterThan(60);
  });

  it('fills in defaults, names what is implicit, resolves names, expands references and hides secrets', () => {
    const { config } = load(
      `receivers: {process: {threads: "\${env:YES}"}}
exporters:
  otlp/a: {endpoint: "http://\${env:HOST}", token: "\${env:SECRET}", tokens: {a: canary7}, headers: {price: $$5}, queue: {bytes: 2048}}
  debug:
service: {pipelines: {logs: {receivers: [process], exporters: [otlp/a]}}}
`,
      fakeRegistry,
      { YES: 'true', HOST: 'h', SECRET: 'canary' },
    );
    const text = effectiveConfig(config!);
    expect(text).not.toContain('canary');
    for (const line of [
      'threads: true',
      'interval: 1s',
      'otlp_grpc/a:',
      'endpoint: http://h',
      'token: "[REDACTED]"',
      'a: "[REDACTED]"',
      'price: $$5',
      'bytes: 2KiB',
      'timeout: 5s',
      'ring_bytes: 8MiB',
    ])
      expect(text).toContain(line);
    expect(text).not.toContain('debug');
    expect(effectiveConfig(config!, { redact: false })).toContain('canary7');
    expectSame(config!, fakeRegistry);
  });

  it('warns of placeholders that were left in it', () => {
    const text = `receivers: {process: }
exporters: {otlp_grpc: {endpoint: a, token: "[REDACTED]", tokens: {x: "[REDACTED]"}}}
service: {pipelines: {logs: {receivers: [process], exporters: [otlp_grpc]}}}
`;
    expect(load(text, fakeRegistry).problems.map(formatProblem)).toEqual([
      'c:2:45: warning: exporters.otlp_grpc.token: a placeholder in place of a secret; write the secret, or a reference to it',
      'c:2:71: warning: exporters.otlp_grpc.tokens.x: a placeholder in place of a secret; write the secret, or a reference to it',
    ]);
  });
});

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value ?? undefined;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withoutNulls(inner)]));
}

function escaped(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('$', '$$$$');
  if (Array.isArray(value)) return value.map(escaped);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, escaped(inner)]));
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { components } from '../../src/components.ts';
import { callerOf } from '../../src/commands/trace/trace.ts';
import { summaryLines, type TraceSummary } from '../../src/commands/trace/summary.ts';
import { isGrpc, traceConfigOf } from '../../src/commands/trace/trace-config.ts';
import { generatedSource } from '../../src/config/generated.ts';
import { loadConfig } from '../../src/config/load.ts';
import { createRegistry } from '../../src/config/registry.ts';

const trace = '4bf92f3577b34da6a3ce929d0e0e4736';

describe('who runs the command', () => {
  it.each([
    ['sudo of a user', { SUDO_UID: '1000' }, 0, 1000],
    ['root by sudo', { SUDO_UID: '0' }, 0, undefined],
    ['without sudo', {}, 0, undefined],
    ['not root', { SUDO_UID: '1000' }, 1000, undefined],
    ['no number', { SUDO_UID: 'me; rm' }, 0, undefined],
  ])('%s', (_what, env, uid, user) => expect(callerOf(env, uid)).toBe(user));
});

describe('where spans go', () => {
  it.each([
    ['127.0.0.1:4317', true],
    ['http://127.0.0.1:4317', true],
    ['grpc://collector:4317', true],
    ['http://127.0.0.1:4318', false],
    ['https://collector/otlp', false],
    ['http://127.0.0.1:4317/v1', false],
    ['grpc://127.0.0.1:14317', true],
    ['127.0.0.1:14317', false],
  ])('%s by gRPC: %s', (endpoint, grpc) => expect(isGrpc(endpoint)).toBe(grpc));

  it.each([
    [{}, ['nop']],
    [{ endpoint: 'http://127.0.0.1:4318' }, ['otlp_http']],
    [{ endpoint: '127.0.0.1:4317', output: '/tmp/spans' }, ['otlp_grpc', 'file']],
    [{ endpoint: 'grpc://127.0.0.1:14317' }, ['otlp_grpc']],
  ])('%o', (to, exporters) => {
    expect(traceConfigOf('/', to, true)).toMatchObject({ service: { pipelines: { traces: { exporters } } } });
  });

  it('is what the caller said, to the letter', () => {
    const registry = createRegistry(components);
    const names = fc.oneof(fc.constantFrom('/a$b', '${HOME}', '$$', '${file:/etc/passwd}', 'yes', '1e3', '# a', ' '), fc.string({ minLength: 1, unit: 'binary' }));
    const source = (text: string) => generatedSource('generated', traceConfigOf('/', { endpoint: 'http://127.0.0.1/$x', output: text }, true));
    fc.assert(
      fc.property(names, (text) => {
        fc.pre(!text.includes('\0'));
        const { config, problems } = loadConfig([source(text)], registry, { HOME: '/root' });
        expect(problems.filter(({ severity }) => severity !== 'warning')).toEqual([]);
        expect(config!.exporters.get('file')!.input).toMatchObject({ path: text });
        expect(config!.exporters.get('otlp_http')!.input).toMatchObject({ endpoint: 'http://127.0.0.1/$x' });
      }),
    );
  }); // prettier-ignore
});

describe('the end', () => {
  const summary: TraceSummary = {
    command: ['make', '-j 2'],
    traceId: trace,
    kept: {
      programs: 2,
      connections: 0,
      left: 0,
      spans: [
        {
          name: 'make',
          spanId: 'a',
          parentId: '',
          startUnixNs: 0n,
          endUnixNs: 1_000_000_000n,
          status: 'UNSET',
          statusMessage: '',
          kind: 'INTERNAL',
          attributes: [['process.args_count', 2]],
          args: () => [],
        },
        {
          name: 'cc\u001b[2J',
          spanId: 'b',
          parentId: 'a',
          startUnixNs: 0n,
          endUnixNs: 1000n,
          status: 'UNSET',
          statusMessage: '',
          kind: 'INTERNAL',
          attributes: [['process.args_count', 1]],
          args: () => [],
        },
      ],
    },
    end: { code: 0, signal: undefined },
    seconds: 1.04,
    startUpMs: 600,
    running: 0,
    deliveries: [],
    notes: [],
  };
  const options = { colour: false, width: undefined, lines: 10 };

  it('says what ran, how it ended, and where it went', () => {
    expect(summaryLines(summary, options)).toEqual([
      `trace ${trace}  make '-j 2'`,
      '1.0 s, exit code 0, 2 programs; Ringtail was ready after 600 ms',
      '    1.0 s ● make',
      '     1 µs ● └─ cc\\x1b[2J',
      'slowest path: make 1.0 s → cc\\x1b[2J 1 µs',
      'sent nowhere; --endpoint http://127.0.0.1:4318 sends it to a Collector or Jaeger',
    ]);
  });

  it('says what is missing', () => {
    const lines = summaryLines(
      {
        ...summary,
        end: { code: 137, signal: 'SIGKILL' },
        running: 1,
        kept: { ...summary.kept, left: 2 },
        deliveries: [{ to: 'http://c', sent: 1, missing: 0 }],
        notes: ['a note'],
      },
      options,
    );
    expect(lines[1]).toContain('killed by SIGKILL');
    expect(lines.slice(-4)).toEqual([
      '2 more spans are not shown',
      '1 program of it still runs and is not told',
      'a note',
      'sent to http://c',
    ]);
  });

  it.each([
    ['all there', [['http://c', 2, 0], ['f', 2, 0]], ['sent to http://c and f']],
    ['a part of them', [['http://c', 1, 1]], ['1 span could not be sent to http://c; the log above says why', 'sent to http://c']],
    ['nothing', [['http://c', 0, 2]], ['2 spans could not be sent to http://c; the log above says why']],
    ['one of two', [['http://c', 0, 2], ['f', 2, 0]], ['2 spans could not be sent to http://c; the log above says why', 'sent to f']],
    ['no span at all', [['f', 0, 0]], ['sent to f']],
  ] as const)('says where spans arrived: %s', (_what, all, wanted) => {
    const lines = summaryLines({ ...summary, deliveries: all.map(([to, sent, missing]) => ({ to, sent, missing })) }, options);
    expect(lines.slice(-wanted.length)).toEqual(wanted);
    expect(lines.filter((line) => line.includes('sent'))).toHaveLength(wanted.length);
  }); // prettier-ignore
});

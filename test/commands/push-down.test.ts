/** What `ringtail validate` says of rules that run in the kernel. */
import { describe, expect, it } from 'vitest';
import { components } from '../../src/components.ts';
import { createRegistry } from '../../src/config/registry.ts';
import { createWorld } from '../service/fakes.ts';
import { createCli, fullProbe } from './fakes.ts';

const registry = createRegistry(components);

const validate = async (paths: readonly string[], pipelines: object, ...argv: readonly string[]) => {
  const roots = { executables: ['make'] };
  const config = {
    receivers: {
      syscalls: {}, 'syscalls/b': {}, sockets: {}, process: { traces: { roots } }, 'process/files': { traces: { roots, events: ['files'] } },
    }, // prettier-ignore
    processors: {
      filter: { preset: 'none', context: { drop: paths.map((path) => ({ path })) } },
      'filter/ports': { preset: 'none', context: { drop: [{ event: 'ringtail.session.*', port: 53 }] } },
      resolve_user: {},
    },
    exporters: { debug: {} },
    service: { pipelines },
  };
  const cli = createCli(createWorld(), fullProbe, registry);
  const code = await cli.run('validate', '--no-host', '-c', `yaml:${JSON.stringify(config)}`, ...argv);
  return { code, text: cli.stdout() };
};

const filtered = { receivers: ['syscalls'], processors: ['filter'], exporters: ['debug'] };
const rulesIn = (text: string): readonly string[] => text.split('\n').filter((line) => /^(?:rules of| {2})/.test(line));

describe('ringtail validate', () => {
  it('lists each rule with where it runs, and why it is not the kernel', async () => {
    const { code, text } = await validate(['/srv/*', '*.log'], { logs: filtered });
    expect(code).toBe(0);
    expect(rulesIn(text)).toEqual([
      'rules of syscalls: 1 in the kernel, 1 in user space',
      '  filter context.drop[1]: user space; the glob "*.log" of path is neither a whole text nor its beginning',
      '  filter context.drop[0]: kernel',
    ]);
  });

  it('names the pipelines that want everything', async () => {
    const { text } = await validate(['/srv/*'], { logs: filtered, 'logs/all': { ...filtered, processors: ['resolve_user', 'filter'] } });
    expect(rulesIn(text)).toEqual([
      'rules of syscalls: 0 in the kernel, 1 in user space; logs/all does not begin with a filter and wants everything',
      '  filter context.drop[0]: user space',
    ]);
  });

  it('names those that share the programs of the kernel, and pipelines of traces', async () => {
    const inKernel = ['rules of syscalls: 1 in the kernel, 0 in user space', '  filter context.drop[0]: kernel'];
    const traces = (...receivers: readonly string[]) => ({ receivers, exporters: ['debug'] });
    const sayOf = async (pipelines: object) => rulesIn((await validate(['/srv/*'], pipelines)).text);
    // spans of programs alone need no record of a call or session
    expect(await sayOf({ logs: filtered, traces: traces('process', 'sockets') })).toEqual(inKernel);
    expect(await sayOf({ logs: filtered, traces: traces('process/files'), 'traces/b': traces('process/files', 'sockets') })).toEqual([
      'rules of syscalls: 0 in the kernel, 1 in user space; traces, traces/b make spans of everything',
      '  filter context.drop[0]: user space',
    ]);
    expect(await sayOf({ logs: filtered, 'logs/b': { receivers: ['syscalls/b'], exporters: ['debug'] } })).toEqual([
      'rules of syscalls: 0 in the kernel, 1 in user space; logs/b does not begin with a filter and wants everything',
      '  filter context.drop[0]: user space',
    ]);
    const ports = { receivers: ['sockets'], processors: ['filter/ports'], exporters: ['debug'] };
    expect(await sayOf({ logs: ports, traces: traces('process') })).toEqual([
      'rules of sockets: 1 in the kernel, 0 in user space',
      '  filter/ports context.drop[0]: kernel',
    ]);
    expect(await sayOf({ logs: ports, 'logs/all': { ...ports, processors: [] }, traces: traces('process', 'sockets') })).toEqual([
      'rules of sockets: 0 in the kernel, 1 in user space; logs/all does not begin with a filter and wants everything; traces makes spans of everything',
      '  filter/ports context.drop[0]: user space',
    ]);
  });

  it('shows some of many rules, and all of them as JSON', async () => {
    const paths = Array.from({ length: 100 }, (_, index) => `/srv/${index}/*`);
    const { text } = await validate(paths, { logs: filtered });
    expect(rulesIn(text)).toHaveLength(42);
    expect(rulesIn(text).at(-1)).toBe('  and 60 more rules; --json lists them all');
    const json = await validate(paths, { logs: filtered }, '--json');
    const { rules } = JSON.parse(json.text) as { rules: { syscalls: { places: readonly unknown[] } } };
    expect(rules.syscalls.places).toHaveLength(100);
    expect(rules.syscalls.places[99]).toEqual({ rule: 'filter context.drop[99]', where: 'kernel' });
  });

  it('says nothing where there are no rules', async () => {
    const { text } = await validate([], { logs: { ...filtered, processors: ['resolve_user'] } }, '--json');
    expect(JSON.parse(text)).not.toHaveProperty('rules');
  });
});

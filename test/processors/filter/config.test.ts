/** What may be written, what is wrong with the rest, and what becomes rules. */
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import type { ZodType } from 'zod';
import type { ConfigUse } from '../../../src/core/component.ts';
import { components } from '../../../src/components.ts';
import { filledWith } from '../../../src/config/fill.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { createRegistry } from '../../../src/config/registry.ts';
import { filterConfig, type FilterConfig } from '../../../src/processors/filter/config.ts';
import { filterProcessor } from '../../../src/processors/filter/index.ts';
import { presets } from '../../../src/processors/filter/preset.ts';
import { createJudge } from '../../../src/processors/filter/judge.ts';
import { eventName } from '../../../src/otlp/names.ts';
import { ruleSetOf } from '../../../src/processors/filter/rule-set.ts';

const configOf = (yaml: string): FilterConfig => filterConfig.parse(parse(yaml) ?? {}) as FilterConfig;
const problemsOf = (yaml: string): readonly string[] =>
  (filterConfig.safeParse(parse(yaml)).error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`);
const useOf = (pipelines: readonly string[], processors: readonly string[] = [], receivers = ['process']): ConfigUse => ({
  pipelines,
  all: pipelines,
  graph: pipelines.map((id) => ({ id, signal: id.split('/')[0] as 'logs' | 'metrics', receivers, processors: [...processors, 'filter'] })),
});
const warningsOf = (yaml: string, use: ConfigUse = useOf(['logs'])): readonly string[] =>
  filterProcessor.warnings!(configOf(yaml) as never, use).map(({ option, message }) => `${option.join('.')}: ${message}`);

const processRule = (rule: string) => problemsOf(`{process: {drop: [{${rule}}]}}`).map((text) => text.replace('process.drop.0.', ''));
const contextRule = (rule: string) => problemsOf(`{context: {drop: [{${rule}}]}}`).map((text) => text.replace('context.drop.0.', ''));

describe('a rule that never matches', () => {
  it.each([
    ['', 'process.drop.0: says nothing'],
    ['comm: ""', 'comm: empty'],
    ['comm: abcdefghijklmnop', 'comm: longer than the 15 bytes'],
    ['comm: [ok, éééééééé]', 'comm.1: longer than the 15 bytes'],
    ['comm: "abcdefghijklmno?"', 'comm: longer than the 15 bytes'],
    ['executable: bin/a', 'executable: not an absolute path; .* write /bin/a or \\*/bin/a'],
    ['executable: ./a*', 'executable: not an absolute path; .* write /a or'],
    ['executable: "a?*"', 'executable: not an absolute path'],
    ['parent: /a/../b', 'parent: has a part that is empty, . or ..'],
    ['parent: /a//b*', 'parent: has a part that is empty'],
    ['cgroup: /a/', 'cgroup: has a part that is empty'],
    ['kernel_thread: true, executable: /a', 'executable: threads of the kernel have no executable'],
    ['kernel_thread: true, parent: /a', 'parent: threads of the kernel have no parent with an executable'],
    ['kernel_thread: true, container: a*', 'container: threads of the kernel have no container'],
  ])('%s: %s', (rule, message) => {
    const problems = processRule(rule);
    expect(problems.length).toBe(1);
    expect(problems[0]).toMatch(new RegExp(`^${message}`));
  });

  it.each([
    ['event: ringtail.file.opn', 'event: not the name of an event; did you mean "ringtail.file.open"\\?'],
    ['event: ringtail.fil.*', 'event: no event has a name like this'],
    ['path: a', 'path: not an absolute path'],
    ['path: [/a, /b/./c]', 'path.1: has a part'],
    ['address: 10.0.0', 'address: not an address'],
    ['address: [10.0.0.0/8, 300.0.0.0/8]', 'address.1: not an address'],
    ['address: 10.0.0.0/33', 'address: not a network; .* 0 to 32'],
    ['address: fd00::/129', 'address: not a network; .* 0 to 128'],
    ['address: "1::2::3"', 'address: not an address'],
    ['result: ENOENTT', 'result: not a result; .*did you mean "ENOENT"\\?'],
    ['size: 20-10', 'size: from 20 to 10 there is nothing'],
    ['size: "<0"', 'size: no size is less than 0'],
    ['size: many', 'size: not a size'],
    ['path: /a, address: 10.0.0.1', 'address: no event has path and address'],
    ['path: /a, event: ringtail.network.*', 'event: of these no event has path; .*ringtail.file.open'],
    ['size: 1, event: ringtail.network.close', 'event: of these no event has size'],
    ['port: 0', 'port: not a port; write a number from 1 to 65535'],
    ['port: [1, 20-10]', 'port.1: from 20 to 10 there is nothing'],
    ['local_port: https', 'local_port: not a port'],
    ['local_port: 1-65536', 'local_port: not a port'],
    ['local_address: 10.0.0', 'local_address: not an address'],
    ['path: /a, local_port: 1', 'local_port: no event has path and local_port'],
    ['result: success, event: ringtail.session.start', 'event: of these no event has result'],
    ['size: 1, event: ringtail.session.*', 'event: of these no event has size'],
    ['result: success, event: ringtail.process.exit', 'event: of these no event has result'],
  ])('%s: %s', (rule, message) => {
    const problems = contextRule(rule);
    expect(problems.length).toBe(1);
    expect(problems[0]).toMatch(new RegExp(`^${message}`));
  });

  it('is told beside what has a wrong type', () => {
    expect(processRule('comm: 5, uid: -1, pid: 0').length).toBe(3);
    expect(contextRule('port: 0').length + contextRule('port: 65536').length + contextRule('path: {a: 1}').length).toBe(3);
    expect(problemsOf('{process: {drop: [{comm: []}]}}').length).toBe(1);
    expect(problemsOf('never_drop: [ringtail.process.exce]')).toEqual([
      'never_drop.0: not the name of an event; did you mean "ringtail.process.exec"?',
    ]);
  });
});

describe('a rule that may match', () => {
  it.each([
    'comm: "*"',
    'comm: "*abcdefghijklmno*"',
    'executable: "*/bin/a"',
    'executable: "/"',
    'executable: "memfd:*"',
    'cgroup: /',
    'user: "é*"',
    'uid: [0, 4294967294]',
    'container: 4f*',
    'pid_namespace: nested',
    'event: ringtail.file.*, comm: a',
    'kernel_thread: false, executable: /a',
  ])('%s', (rule) => {
    expect(processRule(rule)).toEqual([]);
  });
  it.each([
    'path: ["pipe:*", "/a b/*", "/..a", "/a..", "*"]',
    'address: [10.1.2.3, "::1", "fd00::/8", "::ffff:10.0.0.0/104", 0.0.0.0/0, "::/0"]',
    'port: [1, "65535", 1-65535], local_port: 22, local_address: [10.0.0.0/8, "fe80::/10"]',
    'size: [0, "5", "<=4KiB", ">1MiB", "10 - 20"]',
    'result: [success, failure, ENOENT]',
    'event: ringtail.*, path: /a, comm: b',
    'event: ["*.send", "*.read"], size: 1',
  ])('%s', (rule) => {
    expect(contextRule(rule)).toEqual([]);
  });
});

it('rules are what is written, in their order, with names that tell the place', () => {
  const config = configOf(String.raw`
process:
  keep: [{pid: 7}]
  drop: [{comm: [foo, bar*, 'b?z', 'a\*'], kernel_thread: false, pid_namespace: nested}]
context:
  drop: [{event: ringtail.network.connect, address: 10.0.0.0/8, port: [53, 8000-8099], local_address: "::1", local_port: "22", result: [failure, ENOENT], parent_pid: 1}, {size: '10-20', event: '*.read'}]
log_conditions: ["true"]
`);
  const { rules, neverDrop, hasMore } = ruleSetOf('filter/a', config);
  expect(rules.map(({ id, stage, action }) => `${id} ${stage} ${action}`)).toEqual([
    'filter/a process.drop[0] process drop',
    'filter/a process.keep[0] process keep',
    'filter/a context.drop[0] context drop',
    'filter/a context.drop[1] context drop',
  ]);
  expect(rules.map(({ tests }) => tests)).toEqual([
    {
      comm: [
        { type: 'exact', text: 'foo' },
        { type: 'prefix', text: 'bar' },
        { type: 'glob', text: 'b?z' },
        { type: 'exact', text: 'a*' },
      ],
      kernelThread: false,
      nestedPidNamespace: true,
    },
    { pid: [7] },
    {
      event: [{ type: 'exact', text: 'ringtail.network.connect' }],
      address: [{ text: '10.0.0.0/8', bytes: Uint8Array.of(10, 0, 0, 0), bits: 8 }],
      port: [
        { text: '53', min: 53, max: 53 },
        { text: '8000-8099', min: 8000, max: 8099 },
      ],
      localAddress: [{ text: '::1', bytes: Uint8Array.of(...Array<number>(15).fill(0), 1), bits: 128 }],
      localPort: [{ text: '22', min: 22, max: 22 }],
      result: [
        { text: 'failure', type: 'failure', errno: 0 },
        { text: 'ENOENT', type: 'error', errno: 2 },
      ],
      parentPid: [1],
    },
    { size: [{ text: '10-20', min: 10, max: 20 }], event: [{ type: 'glob', text: '*.read' }] },
  ]);
  expect(neverDrop.map(({ text }) => text)).toEqual(['ringtail.process.exec', 'ringtail.loss']);
  expect(hasMore).toBe(true);
  expect(ruleSetOf('filter', configOf('{}')).hasMore).toBe(false);
});

it.each([
  ['size: 100', { min: 100, max: 100 }],
  ['size: "<100"', { max: 99 }],
  ['size: "<=4KiB"', { max: 4096 }],
  ['size: ">100"', { min: 101 }],
  ['size: ">= 100"', { min: 100 }],
])('%s', (rule, expected) => {
  const { rules } = ruleSetOf('filter', configOf(`{context: {drop: [{${rule}}]}}`));
  expect(rules[0]!.tests.size).toEqual([expect.objectContaining(expected)]);
});

describe('the preset', () => {
  it.each([
    ['the service manager opens a file', eventName.fileOpen, '/usr/lib/systemd/systemd', 0, 'root', 'process.drop'],
    ['the service manager accepts for a service', eventName.sessionStart, '/usr/lib/systemd/systemd', 0, 'root', 'kept'],
    ['the service manager listens', eventName.sessionListen, '/lib/systemd/systemd', 0, 'root', 'kept'],
    ['names are looked up', eventName.sessionEnd, '/usr/lib/systemd/systemd-resolved', 991, 'systemd-resolve', 'process.drop'],
    ['somebody calls himself a daemon', eventName.sessionEnd, '/usr/lib/systemd/systemd-resolved', 1000, 'mallory', 'kept'],
    ['anything else', eventName.sessionEnd, '/usr/bin/curl', 0, 'root', 'kept'],
  ])('%s', (_, event, executable, uid, user, verdict) => {
    const judge = createJudge(ruleSetOf('filter', configOf('{}')));
    const who = {
      comm: Buffer.from('x'),
      executable: Buffer.from(executable),
      uid,
      user: Buffer.from(user),
      pid: 1,
      parentPid: 0,
      kernelThread: false,
      nestedPidNamespace: false,
    };
    const file = event === eventName.fileOpen ? { path: Buffer.from('/etc/x'), ret: 3 } : {};
    expect(judge({ event, who, ...file })?.id.split(/[ []/)[1] ?? 'kept').toBe(verdict);
  });

  it('keeps what threads of the kernel send', () => {
    const judge = createJudge(ruleSetOf('filter', configOf('{}')));
    const who = { comm: Buffer.from('kworker/0:1'), uid: 0, pid: 9, parentPid: 2, kernelThread: true, nestedPidNamespace: false };
    expect(judge({ event: eventName.sessionStart, who })).toBeUndefined();
    expect(judge({ event: eventName.networkConnect, who })?.id).toMatch(/^filter process/);
  });

  const drops = (yaml: string) => configOf(yaml).process.drop.length;
  const all = presets.default.process.drop.length;

  it.each([
    ['{}', all],
    ['{never_drop: []}', all],
    ['{preset: none}', 0],
    ['{preset: default, process: {drop: [{comm: a}]}}', all + 1],
    ['{process: {drop: [{comm: a}]}}', 1],
    ['{context: {keep: [{path: /a}]}}', 0],
    ['{log_conditions: ["false"]}', 0],
    ['{metric_conditions: ["false"]}', 0],
  ])('%s has %i rules about processes', (yaml, count) => {
    expect(drops(yaml)).toBe(count);
  });

  it.each([
    '{}',
    '{preset: default, process: {drop: [{comm: a}], keep: [{uid: 1}]}}',
    '{log_conditions: ["true"]}',
    '{process: {drop: [{comm: a}]}}',
  ])('%s is printed spelt out, and means the same', (yaml) => {
    const printed = stringify(filledWith(true)(filterConfig as ZodType, parse(yaml)));
    expect(printed).toMatch(/^preset: none$/m);
    expect(configOf(printed)).toEqual(configOf(yaml));
    expect(printed).toContain('never_drop:');
  });

  it('is itself a configuration without problems', () => {
    expect(problemsOf(stringify({ ...presets.default, preset: 'none' }))).toEqual([]);
  });
});

describe('warnings', () => {
  it.each([
    ['{process: {drop: [{comm: a}, {comm: b}], keep: [{comm: [b]}]}}', 'process.drop.1: contradicts process.keep[0], which is the same and comes first: it drops nothing'],
    ['{process: {keep: [{comm: a}]}}', 'process.keep: keeps nothing: there is no process.drop that would drop it'],
    ['{context: {drop: [{path: [/a, /b]}, {path: [/b, /a]}]}}', 'context.drop.1: the same as context.drop[0]; one of them is enough'],
    ['{context: {drop: [{event: ringtail.process.exec, comm: a}]}}', 'context.drop.0.event: never_drop protects these events: the rule drops nothing'],
    ['{context: {drop: [{event: ringtail.file.u*, path: /a}, {event: ringtail.file.*, path: /a}]}}', 'context.drop.0.path: the path of a deletion is the word of its caller, by which nothing is dropped: the rule drops nothing'],
    ['{context: {drop: [{address: [fd00::/8, 10.0.0.1/8]}]}}', 'context.drop.0.address.1: only the first 8 bits of the address count'],
    ['{trace_conditions: ["true"]}', 'trace_conditions: no pipeline of traces names this filter; these conditions have no effect'],
    ['{metric_conditions: ["true"]}', 'metric_conditions: no pipeline of metrics names this filter; these conditions have no effect'],
    [`{log_conditions: ['log.attributes["a.b"] == nil']}`, 'log_conditions.0: column 16: "a.b" is no attribute of Ringtail: it is nil unless a processor before this one sets it'],
  ])('%s', (yaml, message) => {
    expect(warningsOf(yaml)).toEqual([message]);
  }); // prettier-ignore

  it('of a filter of metrics without conditions', () => {
    expect(warningsOf('{}', useOf(['metrics/a']))).toEqual([expect.stringMatching(/^: drops nothing of metrics/)]);
    expect(warningsOf('{metric_conditions: ["true"]}', useOf(['metrics']))).toEqual([]);
    expect(warningsOf('{log_conditions: ["true"]}', useOf(['metrics']))).toContain(
      'log_conditions: no pipeline of logs names this filter; these conditions have no effect',
    );
  });

  it('of attributes that nobody has added yet', () => {
    const yaml = `{log_conditions: ['log.attributes["process.owner"] == "root"']}`;
    expect(warningsOf(yaml)).toEqual([
      'log_conditions.0: "process.owner" is always nil in logs: resolve_user, which adds it, does not stand there before the filter',
    ]);
    expect(warningsOf(yaml, useOf(['logs/a', 'metrics'], ['resolve_user/x']))).toEqual([
      expect.stringMatching(/^: drops nothing of metrics/),
    ]);
    expect(warningsOf(yaml, useOf(['logs'], [], ['replay']))).toEqual([]);
  });

  it('are not of rules that nobody wrote', () => {
    expect(warningsOf('{}')).toEqual([]);
    expect(warningsOf(stringify({ preset: 'default', process: { keep: [presets.default.process.drop[0]] } }))).toEqual([]);
  });
});

it('ten thousand rules are read, and checked, in no time', () => {
  const drop = Array.from({ length: 10_000 }, (_, index) => ({ path: [`/srv/${index}/*`, `/opt/${index}/a*b`], comm: `c${index}` }));
  const started = performance.now();
  const config = filterConfig.parse({ context: { drop } }) as FilterConfig;
  expect(ruleSetOf('filter', config).rules.length).toBe(10_000);
  expect(filterProcessor.warnings!(config as never, useOf(['logs']))).toEqual([]);
  // far more than it takes, and far less than anything that grows with the square
  expect(performance.now() - started).toBeLessThan(10_000);
});

it('ten thousand rules are no more YAML than is taken', () => {
  const rules = Array.from({ length: 10_000 }, (_, index) => `        - {path: [/srv/${index}/*, /opt/${index}/*], comm: c${index}}\n`);
  const text = `receivers: {process: }
exporters: {debug: }
service: {pipelines: {logs: {receivers: [process], processors: [filter], exporters: [debug]}}}
processors:
  filter:
    context:
      drop:
${rules.join('')}`;
  const { config, problems } = loadConfig([{ file: 'many', text }], createRegistry(components), {});
  expect(problems).toEqual([]);
  expect((config!.processors.get('filter')!.config as FilterConfig).context.drop.length).toBe(10_000);
}, 60_000);

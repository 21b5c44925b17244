/** What names what: implicit processors, names of yesterday, pipelines that do the same, extensions, who is left out. */
import { NEVER } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { effectiveConfig } from '../../src/config/effective.ts';
import { loadConfig } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problems.ts';
import { createRegistry } from '../../src/config/registry.ts';
import type { ComponentFactory } from '../../src/core/component.ts';
import { fakeFactories } from './fakes.ts';

const idle = { start: async () => {}, stop: async () => {} };
const implicitProcessor = (type: string, signals: readonly ('logs' | 'metrics')[]): ComponentFactory => ({
  kind: 'processor',
  type,
  aliases: [`${type}_old`],
  implicit: true,
  summary: 'what must not depend on being thought of',
  signals,
  config: z.strictObject({ level: z.int().default(1) }),
  create: () => ({ ...idle, logs: (source$) => source$ }),
});

const registry = createRegistry([
  ...fakeFactories,
  {
    ...fakeFactories[1]!,
    kind: 'receiver',
    type: 'both',
    signals: ['logs', 'metrics'],
    create: () => ({ ...idle, logs$: NEVER }),
  } as ComponentFactory,
  implicitProcessor('guard', ['logs']),
  implicitProcessor('seal', ['logs', 'metrics']),
  {
    kind: 'extension',
    type: 'health',
    aliases: ['health_check'],
    summary: 'health',
    signals: [],
    config: z.strictObject({}),
    create: () => idle,
  },
]);

const load = (text: string) => loadConfig([{ file: 'c', text }], registry, {});
const problemsOf = (text: string) => load(text).problems.map(formatProblem);

const config = (processors: string, pipelines: string) =>
  `receivers: {process: , both: }
processors: {resolve_user: ${processors}}
exporters: {debug: }
service: {pipelines: {${pipelines}}}
`;

describe('an implicit processor', () => {
  it('stands first in every pipeline of its signals that names none of its type', () => {
    const { config: loaded, problems } = load(
      config(
        ', guard/own: {level: 5}, seal_old/z: ',
        [
          'logs: {receivers: [process, both], processors: [resolve_user], exporters: [debug]}',
          'logs/b: {receivers: [process], processors: [resolve_user, guard/own], exporters: [debug]}',
          'logs/c: {receivers: [process], processors: [seal_old/z], exporters: [debug]}',
          'metrics: {receivers: [both], exporters: [debug]}',
        ].join(', '),
      ),
    );
    expect(problems.filter(({ severity }) => severity === 'error')).toEqual([]);
    expect(loaded?.pipelines.map(({ id, processors }) => [id, processors])).toEqual([
      ['logs', ['guard', 'seal', 'resolve_user']],
      ['logs/b', ['seal', 'resolve_user', 'guard/own']],
      ['logs/c', ['guard', 'seal/z']],
      ['metrics', ['seal']],
    ]);
    expect(loaded?.processors.get('guard')?.config).toEqual({ level: 1 });
    expect(loaded?.processors.get('guard/own')?.config).toEqual({ level: 5 });
  });

  it('stands behind those that resolve, if the pipeline begins with them', () => {
    const resolving = { ...implicitProcessor('resolve_more', ['logs']), implicit: false, resolves: true } as ComponentFactory;
    const some = createRegistry([...fakeFactories, implicitProcessor('guard', ['logs']), implicitProcessor('seal', ['logs']), resolving]);
    const pipelineOf = (processors: string) => {
      const text = `receivers: {process: }
processors: {resolve_user: , resolve_more: , resolve_more/b: }
exporters: {debug: }
service: {pipelines: {logs: {receivers: [process], processors: [${processors}], exporters: [debug]}}}
`;
      return loadConfig([{ file: 'c', text }], some, {}).config?.pipelines[0]?.processors.join();
    };
    expect(pipelineOf('resolve_more, resolve_more/b')).toBe('resolve_more,resolve_more/b,guard,seal');
    expect(pipelineOf('resolve_more, resolve_user, resolve_more/b')).toBe('resolve_more,guard,seal,resolve_user,resolve_more/b');
    expect(pipelineOf('resolve_more, seal, resolve_user')).toBe('resolve_more,guard,seal,resolve_user');
    expect(pipelineOf('resolve_user, resolve_more')).toBe('guard,seal,resolve_user,resolve_more');
  });

  it('takes the options of the one of its name, which is not unused then', () => {
    const text = config(', guard: {level: 7}', 'logs: {receivers: [process, both], processors: [resolve_user], exporters: [debug]}');
    expect(problemsOf(text)).toEqual([]);
    expect(load(text).config?.processors.get('guard')?.config).toEqual({ level: 7 });
    const named = config('', 'logs: {receivers: [process, both], processors: [resolve_user, guard], exporters: [debug]}');
    expect(load(named).config?.pipelines[0]?.processors).toEqual(['seal', 'resolve_user', 'guard']);
  });

  it('is named by the printed configuration', () => {
    const text = config('', 'logs: {receivers: [process, both], processors: [resolve_user], exporters: [debug]}');
    const printed = effectiveConfig(load(text).config!);
    expect(load(printed).config?.pipelines).toEqual(load(text).config?.pipelines);
    expect(printed).toContain('guard:\n    level: 1\n');
  });

  it('cannot need options', () => {
    const needy = { ...implicitProcessor('needy', ['logs']), config: z.strictObject({ level: z.int() }) } as ComponentFactory;
    expect(() => createRegistry([needy])).toThrow('needy is implicit and needs options');
  });
});

describe('what is defined twice or does the same', () => {
  it('is told', () => {
    const all = 'receivers: [process], processors: [resolve_user], exporters: [debug]';
    expect(problemsOf(config('', `logs: {${all}}, logs/b: {receivers: [both], exporters: [debug]}, logs/c: {${all}}`))).toEqual([
      expect.stringMatching(
        /^c:4:\d+: warning: service\.pipelines\.logs\/c: does the same as logs; each record is sent twice, remove one$/,
      ),
    ]);
    const twice = config(
      ', resolve_user/a: , guard_old/x: , guard/x: ',
      `logs: {${all}}, logs/b: {receivers: [both], processors: [guard_old/x, guard/x, resolve_user/a], exporters: [debug]}`,
    );
    expect(problemsOf(twice)).toEqual([
      'c:2:48: warning: processors.guard_old/x: "guard_old" is an older name of guard; write guard',
      'c:2:63: processors.guard/x: the processor guard/x is defined already in c:2 as "guard_old/x"; keep one of them',
      expect.stringMatching(/exporters|processors\[1\]: processor "guard\/x" stands twice in this list; remove one$/),
    ]);
  });
});

describe('extensions', () => {
  const text = (definitions: string, list: string) =>
    `receivers: {process: }\nexporters: {debug: }\nextensions: {${definitions}}\nservice: {extensions: [${list}], pipelines: {logs: {receivers: [process], exporters: [debug]}}}\n`;

  it('run in the order of their list, by the name of today', () => {
    const { config: loaded, problems } = load(text('health: , health_check/b: ', 'health_check/b, health'));
    expect(problems.map(formatProblem)).toEqual([
      'c:3:24: warning: extensions.health_check/b: "health_check" is an older name of health; write health',
    ]);
    expect([...loaded!.extensions.keys()]).toEqual(['health/b', 'health']);
  });

  it('are told when they are not defined, not named, or named twice', () => {
    expect(problemsOf(text('health: ', 'healt'))).toEqual(
      expect.arrayContaining([
        'c:4:24: service.extensions[0]: extension "healt" is not defined; allowed is health; did you mean "health"?',
      ]),
    );
    expect(problemsOf(text('health: ', 'health, health'))).toEqual([
      'c:4:32: service.extensions[1]: extension "health" stands twice in this list; remove one',
    ]);
    expect(problemsOf(text('health: ', ''))).toEqual([
      'c:3:14: warning: extensions.health: service.extensions does not name this extension; it will not be started',
    ]);
    expect(problemsOf(text('helth: ', 'health'))).toEqual([
      'c:3:14: extensions.helth: unknown extension "helth"; allowed is health; did you mean "health"?',
    ]);
  });
});

describe('service.exclude', () => {
  const text = (exclude: string) =>
    `receivers: {process: }\nexporters: {debug: }\nservice: {exclude: ${exclude}, pipelines: {logs: {receivers: [process], exporters: [debug]}}}\n`;

  it('takes absolute paths, and nobody by default', () => {
    expect(load(text('{executables: [/usr/bin/otelcol], cgroups: [/system.slice]}')).config?.exclude).toEqual({
      executables: ['/usr/bin/otelcol'],
      cgroups: ['/system.slice'],
      pid_files: [],
    });
    expect(load(text('')).config?.exclude).toEqual({ executables: [], cgroups: [], pid_files: [] });
    expect(problemsOf(text('{pid_files: [run/x.pid]}'))).toEqual(['c:3:33: service.exclude.pid_files[0]: not an absolute path']);
  });
});

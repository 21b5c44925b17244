import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { components } from '../../src/components.ts';
import { configOf, planEvents, receiversOf, wantedEvents } from '../../src/commands/events/plan.ts';
import { generatedSource } from '../../src/config/generated.ts';
import { loadConfig } from '../../src/config/load.ts';
import { createRegistry } from '../../src/config/registry.ts';
import { everyEvent } from '../../src/live/events/filter.ts';
import type { EventFilter } from '../../src/live/events/types.ts';
import { eventName } from '../../src/otlp/names.ts';
import { pushDownOf } from '../../src/service/push-down.ts';

const registry = createRegistry(components);
const filterOf = (some: Partial<EventFilter>): EventFilter => ({ ...everyEvent, ...some });
const load = (filter: EventFilter) => loadConfig([generatedSource('generated', configOf(planEvents(filter)!, '/'))], registry, {});

describe('wanted events', () => {
  it.each<[Partial<EventFilter>, readonly string[]]>([
    [{}, ['process.exec', 'process.exit', 'session.start', 'session.end', 'session.listen']],
    [{ events: ['exec'] }, ['process.exec']],
    [{ events: ['ringtail.process.fork'] }, ['process.fork']],
    [{ events: ['session'] }, ['session.start', 'session.state', 'session.end', 'session.listen']],
    [{ events: ['file.*'] }, ['file.open', 'file.unlink', 'file.read', 'file.write']],
    [{ ports: [443] }, ['session.start', 'session.end', 'session.listen']],
    [{ ports: [443], events: ['*'] }, ['session.start', 'session.state', 'session.end', 'session.listen', 'network.connect', 'network.accept', 'network.send', 'network.receive', 'network.close']],
    [{ paths: ['/etc'] }, ['process.exec', 'process.exit', 'session.start', 'session.end', 'session.listen', 'file.open', 'file.unlink']],
    [{ paths: ['/etc'], ports: [1], events: ['*'] }, []],
    [{ ports: [1], events: ['file'] }, []],
    [{ paths: ['/etc'], events: ['syscall.failed'] }, []],
    [{ containers: ['web'], pids: [1], users: ['root'], processes: ['sh'], events: ['exit'] }, ['process.exit']],
  ])('of %o', (filter, events) => {
    expect(wantedEvents(filterOf(filter))).toEqual(events.map((name) => `ringtail.${name}`));
    expect(planEvents(filterOf(filter)) === undefined).toBe(events.length === 0);
  }); // prettier-ignore

  it('are all that there are, but for losses, which are always shown', () => {
    expect(new Set(wantedEvents(filterOf({ events: ['*'] })))).toEqual(new Set(Object.values(eventName).filter((name) => name !== eventName.loss)));
    expect(receiversOf(wantedEvents(filterOf({ events: ['*'] })))).toEqual(new Set(['process', 'sockets', 'syscalls']));
  }); // prettier-ignore
});

describe('receivers', () => {
  it.each<[Partial<EventFilter>, object]>([
    [{}, { process: { events: ['exec', 'exit'], failed_execs: false }, sockets: { events: ['start', 'end', 'listen'], protocols: ['tcp', 'udp', 'icmp', 'raw'] } }],
    [{ events: ['exec'] }, { process: { events: ['exec'], failed_execs: true } }],
    [{ ports: [53] }, { sockets: { events: ['start', 'end', 'listen'], protocols: ['tcp', 'udp', 'icmp', 'raw'] } }],
    [{ events: ['file.open', 'unlink'] }, { syscalls: { calls: ['open', 'creat', 'openat', 'openat2', 'unlink', 'unlinkat', 'rmdir'] } }],
    [{ paths: ['/run/*.sock'], events: ['session.start'] }, { sockets: { events: ['start'], protocols: ['unix'] } }],
  ])('of %o', (filter, receivers) => expect(planEvents(filterOf(filter))!.receivers).toEqual(receivers)); // prettier-ignore

  it('tell only of what is shown: without names of events those that people want first', () => {
    expect(planEvents(filterOf({}))!.filter.events).toEqual([
      'process.exec',
      'process.exit',
      'session.start',
      'session.end',
      'session.listen',
    ]);
    expect(planEvents(filterOf({ events: ['exec'] }))!.filter.events).toEqual(['exec']);
  });
});

describe('rules', () => {
  const rulesOf = (filter: Partial<EventFilter>) =>
    planEvents(filterOf(filter))!.rules as { context: { drop: object[]; keep: object[] } } | undefined;
  const opens = ['ringtail.file.open'];

  it.each<[Partial<EventFilter>, readonly object[] | undefined]>([
    [{}, undefined],
    [{ events: ['exec'], pids: [7] }, undefined],
    [{ events: ['file.open'], processes: ['nginx'] }, undefined],
    [{ events: ['file.open'], pids: [7, 8] }, [{ event: opens, pid: [7, 8] }]],
    [{ events: ['file.open'], users: ['0', '33'] }, [{ event: opens, uid: [0, 33] }]],
    [{ events: ['file.open'], users: ['0', 'root'] }, undefined],
    [{ events: ['file.open'], paths: ['/etc', '/srv/', '/var/log*'] }, [{ event: opens, path: ['/etc', '/etc/*', '/srv/*', '/var/log*'] }]],
    [{ events: ['file.open'], paths: ['/etc', '*.log'] }, undefined],
    [{ events: ['file.open'], paths: ['/etc/../x'] }, undefined],
    [{ events: ['file.open', 'session.start'], paths: ['/etc'], pids: [7] }, [{ event: opens, pid: [7], path: ['/etc', '/etc/*'] }, { event: ['ringtail.session.start'], pid: [7] }]],
    [{ events: ['connect'], ports: [80, 443], users: ['33'] }, [{ event: ['ringtail.network.connect'], uid: [33], port: [80, 443] }, { event: ['ringtail.network.connect'], uid: [33], local_port: [80, 443] }]],
  ])('of %o', (filter, keep) => {
    expect(rulesOf(filter)?.context.keep).toEqual(keep);
  }); // prettier-ignore

  it('have the numbers of users whose names are known', () => {
    const ids = new Map([['www-data', 33]]);
    const planned = (users: readonly string[]) => planEvents(filterOf({ events: ['connect'], users }), (name) => ids.get(name))!.rules;
    expect(planned(['www-data', '0'])).toMatchObject({ context: { keep: [{ uid: [33, 0] }] } });
    expect(planned(['www-*'])).toBeUndefined();
    expect(planned(['www-data', 'who'])).toBeUndefined();
  });

  it.each([
    [{ events: ['file.open'], pids: [7] }, 'syscalls'],
    [{ events: ['file.*'], paths: ['/etc'] }, 'syscalls'],
    [{ events: ['connect'], users: ['0'] }, 'syscalls'],
    [{ ports: [443] }, 'sockets'],
  ])('of %o run in the kernel', (filter, receiver) => {
    const { config } = load(filterOf(filter));
    const report = pushDownOf(config!).get(receiver)!;
    expect(report.refused).toBeUndefined();
    expect(report.places.flatMap(({ where, why }) => (where === 'kernel' ? [] : [why]))).toEqual([]);
  });
});

it('whatever is asked for is a configuration without problems', () => {
  const list = <T>(item: fc.Arbitrary<T>) => fc.array(item, { maxLength: 3 });
  const filters = fc.record({
    events: list(fc.constantFrom('*', 'exec', 'session', 'file.*', 'file.open', 'network.*', 'process.exit', 'syscall.failed', 'state')),
    containers: list(fc.constantFrom('any', 'host', 'web')),
    processes: list(fc.constantFrom('nginx', '/usr/bin/*')),
    pids: list(fc.integer({ min: 1, max: 4_194_304 })),
    excludedPids: fc.constant([]),
    users: list(fc.oneof(fc.constantFrom('root', 'nobody'), fc.nat().map(String))),
    ports: list(fc.integer({ min: 1, max: 65_535 })),
    paths: list(fc.oneof(fc.constantFrom('/', '/etc', '//x', '/a/./b', '/run/*.sock', '@abstract', '*', '/a\\b', '/a/..', '/${', '/${env:HOME}', '/$$'), fc.string().map((text) => `/${text}`))),
  }); // prettier-ignore
  fc.assert(
    fc.property(filters, (filter) => {
      if (planEvents(filter) === undefined) return;
      const { config, problems } = load(filter);
      expect(problems.filter(({ severity }) => severity !== 'warning')).toEqual([]);
      expect(config).toBeDefined();
    }),
  );
});

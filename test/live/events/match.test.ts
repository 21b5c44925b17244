import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { resourceOfRow, rowsOf, type Attribute } from '../../../src/core/batch.ts';
import { nameMatches } from '../../../src/live/events/event-names.ts';
import { eventFilterNames, eventFilterOf, everyEvent, parseEventFilter } from '../../../src/live/events/filter.ts';
import { createEventMatcher } from '../../../src/live/events/match.ts';
import type { EventFilter } from '../../../src/live/events/types.ts';
import { QueryError } from '../../../src/live/route.ts';
import { attributesOf } from '../../../src/otlp/log-text.ts';
import { batch, resources } from './batches.ts';

const some = <T>(...values: readonly T[]) => fc.subarray([...values], { maxLength: Math.min(2, values.length) });
const filter: fc.Arbitrary<EventFilter> = fc.record({
  events: fc.oneof(fc.constant([]), some('exec', 'session', 'file.*', 'session.end', 'f*', 'process.exit')),
  containers: fc.oneof(fc.constant([]), some('any', 'host', 'web', 'api', 'ab12', 'ab1', 'c'.repeat(64), 'w*')),
  processes: fc.oneof(fc.constant([]), some('curl', 'sh', '/usr/bin/*', 'c?rl', '*')),
  pids: fc.oneof(fc.constant([]), some(1, 3)),
  excludedPids: fc.oneof(fc.constant([]), some(2)),
  users: fc.oneof(fc.constant([]), some('root', '33', 'www-data', 'w*')),
  ports: fc.oneof(fc.constant([]), some(80, 443)),
  paths: fc.oneof(fc.constant([]), some('/etc', '/etc/passwd', '*passwd', '/tmp/', '@/etc*', '/usr')),
});
/** That of everything when it is refused; what else is thrown goes on. */
const filterOf = (query: URLSearchParams): EventFilter => {
  try {
    return parseEventFilter(query);
  } catch (error) {
    if (error instanceof QueryError) return everyEvent;
    throw error;
  }
};
const userId = (name: string): number | undefined => ({ root: 0, 'www-data': 33 })[name];

describe('a filter of events', () => {
  it('says of the rows of a batch what it says of their attributes', () => {
    let [matched, all] = [0, 0];
    fc.assert(
      fc.property(filter, fc.array(batch, { minLength: 1, maxLength: 4 }), (wanted, batches) => {
        const matcher = createEventMatcher(wanted, { userId });
        for (const one of batches) {
          const test = matcher.open(one);
          for (let i = 0; i < rowsOf(one); i++) {
            const row = one.selection?.[i] ?? i;
            const plain = matcher.matches(one.kind.eventName, attributesOf(one, row), resourceOfRow(one, row)?.attributes);
            all++;
            if (plain) matched++;
            expect(test?.(row) ?? false).toBe(plain);
          }
        }
      }),
      { numRuns: 3000 },
    );
    // else it says nothing
    expect(matched / all).toBeGreaterThan(0.1);
    expect(matched / all).toBeLessThan(0.9);
  });

  const event = 'ringtail.file.open';
  const who: readonly Attribute[] = [
    ['process.pid', 7],
    ['process.executable.path', '/opt/app/bin/server'],
    ['process.executable.name', 'server'],
    ['ringtail.thread.comm', 'worker-1'],
    ['process.owner', 'app'],
    ['process.user.id', 33],
  ];
  it.each<[Partial<EventFilter>, readonly Attribute[], boolean]>([
    [{}, [], true],
    [{ processes: ['server'] }, [], true],
    [{ processes: ['worker-*'] }, [], true],
    [{ processes: ['/opt/*/server'] }, [], true],
    [{ processes: ['/opt/app'] }, [], false],
    [{ processes: ['bin'] }, [], false],
    [{ users: ['app'] }, [], true],
    [{ users: ['33'] }, [], true],
    // the name in the container is another one
    [{ users: ['www-data'] }, [], false],
    [{ paths: ['/etc'] }, [['file.path', '/etc/passwd']], true],
    [{ paths: ['/etc/'] }, [['file.path', '/etc/passwd']], true],
    [{ paths: ['/etc'] }, [['file.path', '/etcetera']], false],
    [{ paths: ['/etc/*'] }, [['file.path', '/etc/a/b']], true],
    [{ paths: ['/opt'] }, [['file.path', '/etc/a']], false],
    [{ paths: ['/lnk'] }, [['file.path', '/etc/a'], ['ringtail.file.requested', '/lnk/a']], false], // prettier-ignore
    [{ paths: ['/lnk'] }, [['ringtail.file.requested', '/lnk/a']], true],
    [{ paths: ['/run'] }, [['network.transport', 'unix'], ['network.peer.address', '/run/x']], true], // prettier-ignore
    [{ paths: ['*'] }, [['network.transport', 'tcp'], ['network.peer.address', '::1']], false], // prettier-ignore
    [{ ports: [53] }, [['server.port', 53]], true],
    [{ ports: [53, 80] }, [['network.local.port', 443], ['network.peer.port', 80]], true], // prettier-ignore
    [{ ports: [53] }, [['network.peer.port', 80]], false],
    [{ pids: [7], excludedPids: [7] }, [], false],
    [{ excludedPids: [8] }, [], true],
    [{ events: ['open'], pids: [7], paths: ['/etc'] }, [['file.path', '/etc/passwd']], true],
    [{ events: ['exec'] }, [], false],
    [{ containers: ['host'] }, [], true],
    [{ containers: ['any'] }, [['ringtail.container', true]], true],
    [{ containers: ['web'] }, [['ringtail.container', true]], false],
  ])('%j of %j: %s', (wanted, attributes, result) => {
    expect(createEventMatcher({ ...everyEvent, ...wanted }, { userId }).matches(event, [...who, ...attributes], undefined)).toBe(result);
  });

  it('looks at executables of processes that start and end', () => {
    const { matches } = createEventMatcher({ ...everyEvent, paths: ['/opt'] });
    expect(matches('ringtail.process.exec', who, undefined)).toBe(true);
    expect(matches(event, who, undefined)).toBe(false);
  });

  it.each([
    [['any'], [false, false, true, true, true]],
    [['host'], [true, true, false, false, false]],
    [['web'], [false, false, true, false, false]],
    [
      ['api', 'host'],
      [true, true, false, true, false],
    ],
    [['ab12'], [false, false, true, false, false]],
    [['ab1'], [false, false, false, false, false]],
    [['k8s_*'], [false, false, false, true, false]],
  ])('%j of containers', (containers, expected) => {
    const { matches } = createEventMatcher({ ...everyEvent, containers });
    expect(resources.map((resource) => matches(event, [], resource?.attributes))).toEqual(expected);
  });

  it('never keeps loss back', () => {
    const { matches } = createEventMatcher({ ...everyEvent, events: ['exec'], pids: [1], containers: ['any'] });
    expect(matches('ringtail.loss', [], undefined)).toBe(true);
  });

  it.each([
    ['process.exec', true], ['ringtail.process.exec', true], ['exec', true], ['process', true], ['process.*', true], ['ringtail.*', true], ['*', true], ['ex?c', true],
    ['proc', false], ['process.', false], ['exe', false], ['ringtail', false], ['xec', false],
  ])('names an event by %s: %s', (pattern, result) => {
    expect(nameMatches(pattern, 'ringtail.process.exec')).toBe(result);
  }); // prettier-ignore
});

describe('parameters of a filter', () => {
  it('are all of its lists', () => {
    const query =
      'event=exec&event=file.*&container=any&process=sh&pid=1&exclude_pid=2&user=root&port=80&port=443&path=/etc&path=*.conf&path=@x';
    expect(parseEventFilter(new URLSearchParams(query))).toEqual({
      events: ['exec', 'file.*'],
      containers: ['any'],
      processes: ['sh'],
      pids: [1],
      excludedPids: [2],
      users: ['root'],
      ports: [80, 443],
      paths: ['/etc', '*.conf', '@x'],
    });
    expect(parseEventFilter(new URLSearchParams())).toEqual(everyEvent);
    expect(eventFilterOf({ port: ['80', 443], event: ['exec'] })).toEqual({ ...everyEvent, ports: [80, 443], events: ['exec'] });
  });

  it.each([
    ['event=exce', 'event: there is no "exce"; did you mean "exec"?'],
    ['event=', 'event: it is empty'],
    ['event=nothing', 'allowed are process.exec, '],
    ['path=etc', 'path: "etc" has no beginning; a path begins with /, a pattern with *, an abstract socket with @'],
    ['pid=0', 'pid: "0" is not a whole number from 1 to 4194304'],
    ['port=65536', 'port: "65536" is not a whole number from 1 to 65535'],
    ['container=', 'container: it is empty'],
    [`process=${'x'.repeat(300)}`, 'process: longer than 256 characters'],
    ['pipeline=logs', 'there is no parameter "pipeline"'],
  ])('%s is refused', (query, message) => {
    expect(() => parseEventFilter(new URLSearchParams(query))).toThrow(QueryError);
    expect(() => parseEventFilter(new URLSearchParams(query))).toThrow(message);
  });

  it('of any kind are read or refused', () => {
    const value = fc.oneof(fc.string({ unit: 'binary', maxLength: 20 }), fc.constantFrom('exec', '*', '/etc', '1', '80', 'root', 'any'));
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom(...eventFilterNames), value), { maxLength: 5 }), batch, (pairs, one) => {
        const wanted = filterOf(new URLSearchParams(pairs));
        const test = createEventMatcher(wanted).open(one);
        for (let row = 0; row < one.rows; row++) expect([undefined, true, false]).toContain(test?.(row));
      }),
    );
  });
});

import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Attribute } from '../../src/core/batch.ts';
import { wantsColour } from '../../src/text/colour.ts';
import { cutPath } from '../../src/text/columns.ts';
import { createEventLines, eventLine, headerLine, type Event } from '../../src/text/line.ts';
import { textWidth } from '../../src/text/width.ts';

const zone = process.env['TZ'];
beforeEach(() => void (process.env['TZ'] = 'UTC'));
afterEach(() => {
  if (zone === undefined) delete process.env['TZ'];
  else process.env['TZ'] = zone;
});

const exec = (args: readonly string[], more: readonly Attribute[] = [], resource?: readonly Attribute[]): Event => ({
  name: 'ringtail.process.exec',
  unixNs: 1_795_229_102_123_456_789n,
  attributes: [
    ['process.pid', 4711],
    ['process.owner', 'postgres'],
    ['process.executable.path', '/usr/lib/postgresql/15/bin/postgres'],
    ['process.command_args', args],
    ...more,
  ],
  resource,
});
const web: readonly Attribute[] = [['container.name', 'web-frontend']];
const at = (width: number | undefined) => ({ colour: false, width });

describe('columns', () => {
  it.each([
    [80, '02:45:02 postgres    4711 …/bin/postgres  postgres -D /data'],
    [100, '02:45:02.123  postgres     4711  …/15/bin/postgres   postgres -D /data'],
    [120, '02:45:02.123  postgres     4711  …/15/bin/postgres         postgres -D /data'],
    [200, '02:45:02.123  postgres     4711  …/lib/postgresql/15/bin/postgres  postgres -D /data'],
    [undefined, '02:45:02.123  postgres     4711  /usr/lib/postgresql/15/bin/postgres  postgres -D /data'],
  ])('at %s', (width, line) => expect(eventLine(exec(['postgres', '-D', '/data']), at(width))).toBe(line));

  it.each([
    [80, '02:45:02 postg…    4711 postgres     [web-fro…] ls'],
    [120, '02:45:02.123  postgres     4711  …/15/bin/postgres         [web-frontend]        ls'],
    [undefined, '02:45:02.123  postgres     4711  /usr/lib/postgresql/15/bin/postgres  [web-frontend]    ls'],
  ])('with a container at %s', (width, line) => expect(eventLine(exec(['ls'], [], web), at(width))).toBe(line));

  it.each([80, 100, 120, 160, undefined])('at %s stand below their names', (width) => {
    const lines = createEventLines();
    const before = lines.line(exec(['HERE']), at(width));
    expect(headerLine(at(width)).indexOf('WHAT HAPPENED')).toBe(width === undefined ? 59 : before.indexOf('HERE'));
    expect(lines.hasContainers()).toBe(false);
    const short: readonly Attribute[] = [['process.executable.path', '/bin/sh']];
    const first = lines.line(exec(['HERE'], short, web), at(width));
    expect(lines.hasContainers()).toBe(true);
    const behind = lines.line(exec(['HERE'], short), at(width));
    const loss = lines.line({ name: 'ringtail.session.end', unixNs: 0n, attributes: [['network.transport', 'HERE']] }, at(width));
    const header = headerLine({ ...at(width), containers: true });
    expect(header.indexOf('CONTAINER')).toBe(first.indexOf('[web'));
    expect([first, behind, loss].map((line) => line.indexOf('HERE'))).toEqual(Array(3).fill(header.indexOf('WHAT HAPPENED')));
  });

  it('of what was lost are none', () => {
    const event: Event = { name: 'ringtail.loss', unixNs: 0n, attributes: [['ringtail.receiver', 'process'], ['ringtail.lost', 2], ['ringtail.reason', 'ring_full']] }; // prettier-ignore
    expect(eventLine(event, at(80))).toBe('00:00:00 LOST 2 events of process: ring_full');
  });
});

it.each([
  ['/usr/bin/ls', 24, '/usr/bin/ls'],
  ['/usr/lib/postgresql/15/bin/postgres', 24, '…/15/bin/postgres'],
  ['/a/very-long-name-of-a-program', 10, 'very-long…'],
  ['memfd:with-a-long-name', 10, 'memfd:wit…'],
  ['/', 1, '/'],
  ['/usr/local/漢字漢字', 10, '漢字漢字'],
  ['/usr/漢字/漢字', 12, '…/漢字/漢字'],
  ['/usr/local/', 4, '/us…'],
])('of the path %s in %i columns the end is shown: %s', (path, width, shown) => expect(cutPath(path, width)).toBe(shown));

it('takes no more room than there is, whatever is in it', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.constantFrom(
      '\u001b[2J',
      '\u009b31m',
      '\u202e',
      '漢字',
      'é\u0301',
      '❤\ufe0f',
      '👩‍👩‍👧',
      '⌚⌚⌚',
      '\u0903'.repeat(90),
      '🇫🇷',
      '\u0301'.repeat(9),
    ),
  );
  fc.assert(
    fc.property(
      text,
      text,
      text,
      text,
      fc.integer({ min: 1, max: 220 }),
      fc.boolean(),
      (owner, path, container, argument, width, colour) => {
        const event: Event = {
        name: 'ringtail.process.exec',
        unixNs: 0n,
        attributes: [['process.pid', 4_194_304], ['process.owner', owner], ['process.executable.path', path], ['process.command_args', [argument, argument]]],
        resource: [['container.name', container]],
      }; // prettier-ignore
        const line = eventLine(event, { colour, width });
        const plain = colour ? stripVTControlCharacters(line) : line;
        expect(plain).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
        expect(textWidth(plain)).toBeLessThanOrEqual(width);
      },
    ),
  );
});

it.each([
  ['漢', 2],
  ['👍', 2],
  ['⌚', 2],
  ['✅', 2],
  ['𗀀', 2],
  ['é', 1],
  ['e\u0301', 1],
  ['\u0903', 1],
  ['❤\ufe0f', 2],
  ['…', 1],
])('%s takes %i columns', (text, width) => expect(textWidth(text)).toBe(width));

it.each([
  [true, {}, true],
  [true, { NO_COLOR: '' }, true],
  [true, { NO_COLOR: '1' }, false],
  [true, { TERM: 'dumb' }, false],
  [false, {}, false],
  [undefined, {}, false],
] as const)('colours: terminal %s, %o: %s', (isTTY, env, wanted) => expect(wantsColour({ isTTY, env })).toBe(wanted));

/** The terminal is given back on every way out. */
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { ESCAPE_MS, type Key } from '../../../src/text/screen/keys.ts';
import { openScreen } from '../../../src/text/screen/terminal.ts';
import { createFakeTerminal } from './fake-terminal.ts';

const open = (columns?: number, rows?: number) => {
  const fake = createFakeTerminal(columns, rows);
  const keys: Key[] = [];
  let [resizes, gone] = [0, 0];
  const screen = openScreen(fake.host, {
    colour: false,
    onKey: (key) => keys.push(key),
    onResize: () => {
      resizes += 1;
      screen.draw([[{ text: 'again' }]]);
    },
    onGone: () => (gone += 1),
  });
  return { ...fake, screen, keys, resizes: () => resizes, gone: () => gone };
};

/** As a shell leaves it: a line goes on in the next one, and there is a cursor. */
const usual = new Set(['7', '25']);

describe('a screen', () => {
  it('takes the terminal and gives it back', () => {
    const { screen, model, raw, isPaused, listeners } = open();
    expect(model.modes).toEqual(new Set(['1049']));
    expect(raw).toEqual([true]);
    expect(isPaused()).toBe(false);
    screen.draw([[{ text: 'hello' }]]);
    expect(model.lines()[0]).toBe('hello');
    screen.close();
    expect(model.modes).toEqual(usual);
    expect(raw).toEqual([true, false]);
    expect(isPaused()).toBe(true);
    expect(listeners()).toBe(0);
  });

  it('draws in one write, and not at all when nothing changed', () => {
    const { screen, writes } = open();
    const before = writes.length;
    screen.draw([[{ text: 'a' }], [{ text: 'b' }]]);
    screen.draw([[{ text: 'a' }], [{ text: 'b' }]]);
    expect(writes.length).toBe(before + 1);
    screen.forget();
    screen.draw([[{ text: 'a' }], [{ text: 'b' }]]);
    expect(writes.length).toBe(before + 2);
  });

  it.each(['exit', 'uncaughtException', 'unhandledRejection'])('is gone before anything is said about an end by %s', (name) => {
    const { process, model, raw, screen } = open();
    const seen: (readonly string[])[] = [];
    process.on(name, () => seen.push([...model.modes]));
    process.emit(name, new Error('x'));
    expect(seen).toEqual([[...usual]]);
    expect(raw).toEqual([true, false]);
    // not a second time
    screen.close();
    expect(raw).toEqual([true, false]);
  });

  it('is given back before a stop and taken again when it goes on', () => {
    const { process, model, raw, kills, screen, resizes } = open();
    screen.draw([[{ text: 'first' }]]);
    process.emit('SIGTSTP');
    expect(model.modes).toEqual(usual);
    expect(kills).toEqual([[4711, 'SIGTSTP']]);
    // so that it stops
    expect(process.listenerCount('SIGTSTP')).toBe(0);
    screen.draw([[{ text: 'meanwhile' }]]);
    expect(model.lines().join('')).toBe('');
    process.emit('SIGCONT');
    expect(process.listenerCount('SIGTSTP')).toBe(1);
    expect(model.modes).toEqual(new Set(['1049']));
    expect(model.lines()[0]).toBe('again');
    expect(raw).toEqual([true, false, true]);
    expect(resizes()).toBe(1);
    screen.close();
  });

  it('is taken again when nobody could continue us and the stop was none', async () => {
    const { process, model, screen } = open();
    process.emit('SIGTSTP');
    await vi.waitFor(() => expect(model.lines()[0]).toBe('again'));
    expect(process.listenerCount('SIGTSTP')).toBe(1);
    screen.close();
  });

  it('is taken again after a stop that nobody could see coming', () => {
    const { process, model, raw, screen } = open();
    process.emit('SIGCONT');
    // off and on: the shell has set the terminal meanwhile
    expect(raw).toEqual([true, false, true]);
    expect(model.lines()[0]).toBe('again');
    screen.close();
  });

  it('stops all that was started with it', () => {
    const { screen, kills } = open();
    screen.suspend();
    expect(kills).toEqual([[0, 'SIGTSTP']]);
    screen.close();
  });

  it('is drawn whole at another size', () => {
    const { screen, model, resize } = open();
    screen.draw([[{ text: 'x'.repeat(80) }]]);
    resize(40, 10);
    expect(screen.size()).toEqual({ columns: 40, rows: 10 });
    expect(model.lines()).toEqual(['again', ...Array.from({ length: 9 }, () => '')]);
    screen.close();
  });

  it('has the usual size when the terminal does not tell', () => {
    const { screen } = open(0, 0);
    expect(screen.size()).toEqual({ columns: 80, rows: 24 });
    screen.close();
  });

  it('tells keys, an escape alone after a moment', async () => {
    const { screen, keys, type, hangUp, gone } = open();
    type('q\u001b[A');
    type('\u001b');
    expect(keys.map(({ name }) => name)).toEqual(['text', 'up']);
    await wait(ESCAPE_MS * 2);
    expect(keys.map(({ name }) => name)).toEqual(['text', 'up', 'escape']);
    hangUp();
    expect(gone()).toBe(1);
    screen.close();
    type('x');
    expect(keys.length).toBe(3);
  });
});

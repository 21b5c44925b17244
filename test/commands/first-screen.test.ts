import { describe, expect, it } from 'vitest';
import type { Health } from '../../src/core/component.ts';
import { type FirstScreen, firstScreenText } from '../../src/commands/first-screen.ts';
import { textWidth } from '../../src/text/width.ts';

const well: Health = { status: 'ok', message: '' };
const receiver = (id: string, rung: string, message = '') => ({
  kind: 'receiver' as const,
  id,
  health: { ...well, message, details: { rung } },
});
const control = { kind: 'extension' as const, id: 'control', health: { ...well, details: { socket: '/run/ringtail/control.sock' } } };

const screen = (more: Partial<FirstScreen> = {}): FirstScreen => ({
  version: '0.1.0',
  kernel: '6.18.1',
  readyMs: 712,
  parts: [{ kind: 'kernel', id: 'kernel', health: well }, receiver('process', 'tp_btf'), receiver('sockets', 'ebpf'), control],
  folder: '/opt/ringtail',
  asRoot: '',
  metrics: '127.0.0.1:18888',
  width: 80,
  colour: false,
  ...more,
});

const linesOf = (more?: Partial<FirstScreen>): readonly string[] => firstScreenText(screen(more)).split('\n').slice(0, -1);

describe('the first screen', () => {
  it('says what is seen, what to try, where things are, and how to end', () => {
    expect(firstScreenText(screen())).toMatchInlineSnapshot(`
      "Ringtail 0.1.0 looks at this host: Linux 6.18.1, ready after 712 ms.
      seen    every program that starts or ends     by tracepoints (tp_btf)
              every connection, and who owns it     by eBPF programs
      next    in another terminal, in /opt/ringtail:
                bin/ringtail top                    connections now
                bin/ringtail events                 this stream, with filters
                bin/ringtail report                 totals, every five seconds
                npm run demo:traffic -- --auto      traffic to look at
      files   README.md, docs/                      how it all works
              bin/ringtail print-config             the configuration in force
              bin/ringtail init                     writes one of your own
              /run/ringtail/control.sock            answers top, events and report
              http://127.0.0.1:18888/metrics        what Ringtail knows of itself
      end     Ctrl-C                                the last line: was anything lost?

      "
    `);
  });

  it.each([40, 60, 80, 200])('fits a terminal of %i columns, and leaves room for events', (width) => {
    const hostile = { ...control, health: { ...well, details: { socket: `/run/${'很长'.repeat(60)}\u001b[2J/c.sock` } } };
    for (const parts of [screen().parts, [receiver('process', 'procfs', 'because '.repeat(80)), hostile]]) {
      const lines = linesOf({ width, parts, folder: `/opt/${'deep/'.repeat(30)}ringtail` });
      for (const line of lines) expect(textWidth(line)).toBeLessThanOrEqual(width);
      expect(lines.length).toBeLessThanOrEqual(18);
      expect(lines.join('')).not.toContain('\u001b');
    }
  });

  it('says why less is seen, once, and what to do', () => {
    const why = 'a BPF ring buffer cannot be made (EPERM); run as root, or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN';
    const lines = linesOf({ parts: [receiver('process', 'procfs', why), receiver('sockets', 'procfs', why)], asRoot: 'sudo ' });
    expect(lines.filter((line) => line.includes('by /proc: short lives are missed'))).toHaveLength(2);
    expect(lines.filter((line) => line.includes('EPERM'))).toEqual([
      'but     a BPF ring buffer cannot be made (EPERM); run as root, or with CAP_BPF,',
    ]);
    expect(lines.join('\n')).toContain('sudo bin/ringtail top ');
  });

  it('names what is not there as not there', () => {
    const refused = { ...control, health: { status: 'recoverable' as const, message: 'another Ringtail has it' } };
    const text = linesOf({
      parts: [receiver('process', 'tp_btf'), receiver('sockets', 'none', 'no BTF'), refused],
      metrics: undefined,
    }).join('\n');
    expect(text).toContain('not on this host');
    expect(text).toContain('but     no BTF');
    expect(text).not.toContain('control.sock');
    expect(text).not.toContain('/metrics');
  });

  it('is coloured when that is asked for, and says the same', () => {
    const coloured = firstScreenText(screen({ colour: true }));
    const codes = new RegExp(`${String.fromCharCode(0x1b)}\\[[0-9;]*m`, 'g');
    expect(coloured).not.toBe(coloured.replaceAll(codes, ''));
    expect(coloured.replaceAll(codes, '')).toBe(firstScreenText(screen()));
  });
});

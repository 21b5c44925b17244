import { describe, expect, it } from 'vitest';
import { withFields } from '../../src/core/logger.ts';
import { createRateLimit } from '../../src/core/rate-limit.ts';
import { consoleLine, createLogger } from '../../src/service/logging.ts';
import { version } from '../../src/service/version.ts';
import { recordingLogger } from './fakes.ts';

const streamOf = (isTTY: boolean) => {
  const written: string[] = [];
  return { written, isTTY, write: (text: string) => written.push(text) };
};

describe('the log', () => {
  it('is JSON where no person reads', () => {
    const stream = streamOf(false);
    withFields(createLogger({ level: 'info' }, stream), { component: 'otlp' }).warn({ rows: 3 }, 'a batch was refused');
    const { time, ...rest } = JSON.parse(stream.written.join('')) as Record<string, unknown>;
    expect(rest).toEqual({ level: 'warn', component: 'otlp', rows: 3, msg: 'a batch was refused' });
    expect(time).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  });

  it('is short lines on a terminal, coloured unless NO_COLOR says no', () => {
    const stream = streamOf(true);
    createLogger({ level: 'info' }, stream).info({}, 'ready');
    createLogger({ level: 'info' }, stream, { NO_COLOR: '1' }).info({ a: 1, b: 'x y', c: ['l'], d: 'plain/1' }, 'ready');
    expect(stream.written[0]!.slice(12)).toBe(' \u001b[32mINFO \u001b[39m ready\n');
    expect(stream.written[1]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} INFO {2}ready a=1 b="x y" c=\["l"\] d=plain\/1\n$/);
  });

  it('is written as the configuration says', () => {
    const terminal = streamOf(true);
    createLogger({ level: 'info', encoding: 'json' }, terminal).info({}, 'ready');
    expect(JSON.parse(terminal.written[0]!)).toMatchObject({ msg: 'ready' });
    const pipe = streamOf(false);
    const logger = createLogger({ level: 'warn', encoding: 'console' }, pipe);
    logger.debug({}, 'no');
    logger.info({}, 'no');
    logger.warn({}, 'yes');
    logger.error({}, 'yes');
    expect(pipe.written.map((line) => line.slice(13))).toEqual(['WARN  yes\n', 'ERROR yes\n']);
  });

  it('keeps hostile bytes off the terminal', () => {
    const line = consoleLine(
      JSON.stringify({ level: 'info', time: '2030-01-02T03:04:05.678Z', msg: 'a\u001b[2Jb', path: 'x\n\u202ey\u009b' }),
    );
    expect(line).toBe('03:04:05.678 INFO  a\\u001b[2Jb path="x\\n\\u202ey\\u009b"\n');
  });
});

describe('repeated warnings', () => {
  it('are written once in a while, with the number of those left out', () => {
    let now = 0;
    const limit = createRateLimit(() => now, 1000);
    const { lines, warn } = recordingLogger();
    const say = (key: string) => limit(key, warn, { key }, 'again');
    say('a');
    say('a');
    say('b');
    now = 999;
    say('a');
    now = 1000;
    say('a');
    now = 5000;
    say('a');
    expect(lines.map(({ fields }) => fields)).toEqual([{ key: 'a' }, { key: 'b' }, { key: 'a', suppressed: 2 }, { key: 'a' }]);
  });

  it('do not grow without bound', () => {
    const limit = createRateLimit(() => 0);
    const { lines, warn } = recordingLogger();
    for (let key = 0; key < 1025; key++) limit(String(key), warn, {}, 'x');
    limit('0', warn, {}, 'x');
    limit('1024', warn, {}, 'x');
    expect(lines).toHaveLength(1026);
  });
});

describe('the product', () => {
  it('has a version', () => {
    expect(version).toMatch(/^\d+\.\d+\.\d+/);
  });
});

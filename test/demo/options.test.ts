import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/core/errors.ts';
import { choices, help, LONGEST_MS, MOST_PLACES, MOST_REQUESTS, readOptions, typeOfRequest } from '../../scripts/demo/options.ts';

describe('options of the traffic generator', () => {
  it('has defaults that end by themselves', () => {
    expect(readOptions([])).toEqual({
      type: 'mixed',
      requests: 1000,
      durationMs: 60_000,
      rate: 200,
      cgroups: 2,
      containers: 1,
      netns: 1,
      auto: false,
      json: false,
      help: false,
    });
  });

  it('takes what is asked for', () => {
    const words = '--type udp --requests 7 --duration 1h30m --rate 0 --cgroups 0 --containers 16 --netns=3 --auto --json';
    expect(readOptions(words.split(' '))).toMatchObject({
      type: 'udp',
      requests: 7,
      durationMs: 5_400_000,
      rate: 0,
      cgroups: 0,
      containers: 16,
      netns: 3,
      auto: true,
      json: true,
    });
  });

  it('makes requests as long as it may when only that is said', () => {
    expect(readOptions(['--duration', '5s'])).toMatchObject({ requests: MOST_REQUESTS, durationMs: 5000 });
  });

  it.each([
    ['--type', 'htp', '--type "htp": there is http, udp, files, exec or mixed; did you mean "http"?'],
    ['--requests', '0', `--requests "0": not a number from 1 to ${MOST_REQUESTS}`],
    ['--requests', '1e3', `--requests "1e3": not a number from 1 to ${MOST_REQUESTS}`],
    ['--requests', String(MOST_REQUESTS + 1), `--requests "${MOST_REQUESTS + 1}": not a number from 1 to ${MOST_REQUESTS}`],
    ['--duration', '10', `--duration "10": not a duration of up to ${LONGEST_MS / 3_600_000}h; write it with a unit, as in 30s`],
    ['--duration', '25h', `--duration "25h": not a duration of up to ${LONGEST_MS / 3_600_000}h; write it with a unit, as in 30s`],
    ['--rate', 'x', '--rate "x": not a number from 0 to 1000000'],
    ['--cgroups', '17', `--cgroups "17": not a number from 0 to ${MOST_PLACES}`],
    ['--netns', '', `--netns "": not a number from 0 to ${MOST_PLACES}`],
    ['--duraton', '5s', 'there is no option --duraton; did you mean "--duration"?'],
  ])('refuses %s %s', (option, value, message) => {
    let error: unknown;
    try {
      readOptions([option, value]);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(UsageError);
    expect((error as UsageError).message).toBe(message);
    expect((error as UsageError).advice).toContain('--help');
  });

  it.each([[['http']], [['--auto=yes']], [['--type']], [['-x']]])('refuses %j', (words) => {
    expect(() => readOptions(words)).toThrow(UsageError);
  });

  it('tells of every option in its help', () => {
    for (const option of ['type', 'requests', 'duration', 'rate', 'cgroups', 'containers', 'netns', 'auto', 'json', 'help'])
      expect(help).toMatch(new RegExp(`^  --${option}( |$)`, 'm'));
  });
});

describe('a mixture', () => {
  it('has four, three, two and one of ten', () => {
    const ten = Array.from({ length: 10 }, (_, index) => typeOfRequest('mixed', index));
    const counts = { http: 0, udp: 0, files: 0, exec: 0 };
    for (const type of ten) counts[type]++;
    expect(counts).toEqual({ http: 4, udp: 3, files: 2, exec: 1 });
  });

  it.each(choices.filter((choice) => choice !== 'mixed'))('%s alone is that alone', (choice) => {
    expect(typeOfRequest(choice, 3)).toBe(choice);
  });
});

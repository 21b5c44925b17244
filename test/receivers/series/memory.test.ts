import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const MIB = 1 << 20;

describe('series', () => {
  it('of a million keys take no more memory than the budget, and the totals are exact', { timeout: 120_000 }, () => {
    const child = fileURLToPath(new URL('memory-child.ts', import.meta.url));
    const { offered, grown, truth, told, mostSeries, mostRows } = JSON.parse(
      // as bin/ringtail: a young generation that is touched bit by bit looks like a leak
      execFileSync(process.execPath, ['--expose-gc', '--max-semi-space-size=4', child], { encoding: 'utf8' }),
    );
    expect(offered).toBeGreaterThan(1_000_000);
    expect(told).toEqual(truth);
    // both directions, and that of the rest
    expect(mostSeries).toBeLessThanOrEqual(2001);
    // five metrics of what is in the map now and was in it a moment ago
    expect(mostRows).toBeLessThan(5 * 2 * 10_240);
    expect(grown / MIB).toBeLessThan(64);
  });
});

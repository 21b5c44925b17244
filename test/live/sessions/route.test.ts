import { expect, test } from 'vitest';
import { createSessionsRoute } from '../../../src/live/sessions/route.ts';
import type { SessionsPage } from '../../../src/live/sessions/types.ts';
import { createFakeKernel } from './fake-kernel.ts';

const setUp = () => {
  const fake = createFakeKernel();
  const route = createSessionsRoute({ kernel: fake.kernel });
  if (!('page' in route)) throw new Error('no page');
  const page = async (query: string) => (await route.page(new URLSearchParams(query), AbortSignal.timeout(10_000))) as SessionsPage;
  return { ...fake, route, page };
};

test('a page a request', async () => {
  const { state, page, route, done } = setUp();
  state.rows = [{ id: 1n, pid: 7 }, { id: 2n, pid: 8, transport: 'udp' }]; // prettier-ignore
  expect(route.path).toBe('/v1/sessions');
  expect(await page('transport=udp')).toMatchObject({ matched: 1, totals: { sessions: 2 }, rows: [{ id: '2', pid: 8 }] });
  await route.close!();
  expect(done).toEqual(['claim', 'reconfigure', 'end', 'reconfigure']);
});

test('a wrong question is told before anything is asked of the kernel', async () => {
  const { page, done } = setUp();
  await expect(page('pid=x')).rejects.toMatchObject({ name: 'QueryError' });
  expect(done).toEqual([]);
});

test('a host that cannot tell is unavailable; what is a mistake of ours is not', async () => {
  const { state, kernel, page, route } = setUp();
  state.refuses = true;
  await expect(page('')).rejects.toMatchObject({ name: 'UnavailableError', message: 'it does not want to' });
  state.refuses = false;
  Object.assign(kernel, { needSockets: () => { throw new TypeError('oh'); } }); // prettier-ignore
  await expect(page('')).rejects.toMatchObject({ name: 'TypeError' });
  await route.close!();
});

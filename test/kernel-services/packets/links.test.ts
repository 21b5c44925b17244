import { expect, test } from 'vitest';
import { silentLogger } from '../../../src/core/logger.ts';
import { createLinks } from '../../../src/kernel/packets/links.ts';
import { fakeInterfaces, linkOf } from './fakes.ts';

const started = async (...names: readonly string[]) => {
  const interfaces = fakeInterfaces(names.map((name, at) => linkOf(at + 1, name)));
  const renames: string[] = [];
  let changes = 0;
  const links = createLinks({ addon: interfaces.addon, logger: silentLogger, onChange: () => void changes++ });
  links.onRename((index, before) => void renames.push(`${index} ${before} ${links.nameOf(index)}`));
  await links.start();
  return { ...interfaces, links, renames, changes: () => changes };
};

test('what is there is listed, and what comes, changes and goes is followed', async () => {
  const { links, change, changes } = await started('lo', 'eth0');
  expect(links.all().map(({ name }) => name)).toEqual(['lo', 'eth0']);
  change(linkOf(3, 'veth1'), linkOf(2, 'eth0', { gone: true }));
  expect(changes()).toBe(1);
  expect(links.all().map(({ name }) => name)).toEqual(['lo', 'veth1']);
  expect([links.nameOf(2), links.isGone(2)]).toEqual(['eth0', true]);
  links.forget(2);
  expect([links.nameOf(2), links.isGone(2)]).toEqual([undefined, false]);
});

test('a rename is told before the name is another one; so is an index that another interface has now', async () => {
  const { links, change, renames } = await started('lo', 'veth1');
  change(linkOf(2, 'veth2'));
  change(linkOf(2, 'veth2', { gone: true }), linkOf(2, 'veth3'));
  change(linkOf(2, 'veth3', { mtu: 9000 }));
  expect(renames).toEqual(['2 veth1 veth1', '2 veth2 veth2']);
  expect(links.isGone(2)).toBe(false);
});

test('the same index behind an end is another interface', async () => {
  const { links, change } = await started('lo', 'veth1');
  const born = (): number => links.all().find(({ index }) => index === 2)!.born;
  const first = born();
  change(linkOf(2, 'veth1', { up: false }));
  expect(born()).toBe(first);
  change(linkOf(2, 'veth1', { gone: true }), linkOf(2, 'veth1'));
  expect(born()).not.toBe(first);
});

test('when changes were lost all is listed anew', async () => {
  const { links, state, lose, changes } = await started('lo', 'veth1');
  state.links = [linkOf(1, 'lo'), linkOf(7, 'veth7')];
  lose();
  await expect.poll(changes).toBe(1);
  expect(links.all().map(({ name }) => name)).toEqual(['lo', 'veth7']);
  expect(links.isGone(2)).toBe(true);
});

test('interfaces that are gone and never asked for do not pile up', async () => {
  const { links, change } = await started('lo');
  for (let index = 10; index < 10_010; index++) change(linkOf(index, `veth${index}`), linkOf(index, `veth${index}`, { gone: true }));
  expect(links.nameOf(10)).toBeUndefined();
  expect(links.nameOf(10_009)).toBe('veth10009');
});

test('nothing is followed behind the end', async () => {
  const { links, state } = await started('lo');
  links.stop();
  expect(state.open).toBe(0);
  expect(links.all()).toEqual([]);
});

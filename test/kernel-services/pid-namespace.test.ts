import { describe, expect, it } from 'vitest';
import { pidNamespaceCheck } from '../../src/kernel/probe.ts';
import { namesInitialPidNamespace } from '../../src/kernel/self.ts';

const links = (own: boolean | undefined, first: boolean | undefined) => (link: string) =>
  link === '/proc/self/ns/pid' ? own : link === '/host/proc/1/ns/pid' ? first : undefined;

describe('the pid namespace', () => {
  it.each([
    ["is the host's", '/proc', links(true, undefined), true, /^the host's own$/],
    ["is the host's, whose root is mounted elsewhere", '/host/proc', links(true, true), true, /^the host's own$/],
    ['may not be looked at', '/host/proc', links(undefined, undefined), true, /^the host's own$/],
    ['is one of its own', '/proc', links(false, undefined), false, /^Ringtail runs in a pid namespace of its own$/],
    ['is one of its own below another root', '/host/proc', links(false, true), false, /of its own$/],
    ['is shown by a procfs of another one', '/host/proc', links(true, false), false, /^\/host\/proc shows another pid namespace/],
  ] as const)('%s', (_, procfs, isInitial, ok, detail) => {
    const check = pidNamespaceCheck(procfs, isInitial);
    expect(check).toMatchObject({ ok, detail: expect.stringMatching(detail) });
    expect(check.advice === undefined).toBe(ok);
  });

  it('is read from a link', () => {
    expect(namesInitialPidNamespace('/proc/self/ns/pid')).toBeTypeOf('boolean');
    expect(namesInitialPidNamespace('/proc/self/ns/net')).toBe(false);
    expect(namesInitialPidNamespace('/proc/self/ns/none')).toBeUndefined();
  });
});

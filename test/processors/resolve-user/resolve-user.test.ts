import { describe, expect, it } from 'vitest';
import { createKernelFrameBuilder } from '../../../src/kernel/frame-builder.ts';
import { eventKind } from '../../../src/kernel/layouts.gen.ts';
import { resolveUserConfig } from '../../../src/processors/resolve-user/config.ts';
import { resolveUserProcessor } from '../../../src/processors/resolve-user/index.ts';
import { attributesOf, batchesOf, createLookups, runThrough, settingsOf } from '../harness.ts';

const names: Readonly<Record<number, string>> = { 0: 'root', 1000: 'ann' };

describe('resolve_user', () => {
  it('has nothing to set', () => {
    expect(resolveUserConfig.parse({})).toEqual({});
    expect(resolveUserConfig.safeParse({ other: 1 }).success).toBe(false);
  });

  it.each([
    ['the effective user', { uid: 1000, euid: 0 }, [['process.owner', 'root']]],
    [
      'who is behind sudo',
      { uid: 0, loginUid: 1000 },
      [
        ['process.owner', 'root'],
        ['ringtail.login_user.name', 'ann'],
      ],
    ],
    ['no login user that is the same', { uid: 1000, loginUid: 1000 }, [['process.owner', 'ann']]],
    ['nothing for a number without a name', { uid: 77, loginUid: 78 }, []],
  ] as const)('names %s', async (_, actor, expected) => {
    const kernel = createLookups({ users: { lookupUsers: async (uids) => uids.map((uid) => names[uid]) } });
    const processor = resolveUserProcessor.create(settingsOf(kernel, 'resolve_user') as never, {} as never);
    const builder = createKernelFrameBuilder({ wallOffsetNs: 0n });
    builder.addRow(eventKind.exit, { bootNs: 1n, actor: builder.addActor({ pid: 1, ...actor }) });
    const frame = builder.build();
    await processor.start();
    await kernel.gate.admit(frame);
    const [batch] = runThrough(processor, batchesOf(frame));
    expect(attributesOf(batch!, 0)).toEqual(expected);
    await processor.stop(0);
  });
});

/** A session of the addon with an object of test/workloads that judges what is made up, of the flavour for this kernel. */
import { join } from 'node:path';
import { loadAddon, type NativeSession } from '../../../src/kernel/addon.ts';
import { isModern } from '../../../src/kernel/flavours.ts';
import { actorLayout, eventLayouts } from '../../../src/kernel/layouts.gen.ts';
import { probeFacts } from '../../../src/kernel/probe.ts';

/** `folder` is where the workloads were built. Whoever calls closes the session; when the object cannot be loaded nothing is left. */
export const openJudgeSession = (folder: string, name: string): { readonly session: NativeSession; readonly object: number } => {
  const addon = loadAddon();
  const flavour = isModern(probeFacts(addon)) ? '' : '_legacy';
  const session: NativeSession = new addon.Session(
    {
      ringBytes: 1 << 16,
      frameBytes: 2 << 20,
      frames: 1,
      flushMs: 50,
      maxRows: 100,
      layouts: { actor: actorLayout.fields, events: Object.values(eventLayouts) },
    },
    () => {},
  );
  try {
    const path = join(folder, `${name}${flavour}.bpf.o`);
    return { session, object: session.load({ path, programs: ['on_cases'], options: {}, mapEntries: {} }) };
  } catch (error) {
    session.close();
    throw error;
  }
};

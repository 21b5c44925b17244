/**
 * Run as a program: records sessions on a host that lacks something. Argument: what is needed, as JSON. Tells as lines of JSON that it was loaded, how it started, each record,
 * and at the end of its input that this was all.
 */
import { text } from 'node:stream/consumers';
import type { SocketNeeds } from '../../../src/kernel/sockets/needs.ts';
import { recordSessions } from './session-records.ts';

const tell = (value: object): void => {
  const line = JSON.stringify(value, (_, one: unknown) => (typeof one === 'bigint' ? String(one) : one));
  process.stdout.write(`${line}\n`);
};

/** How often it looks for records. */
const POLL_MS = 20;

tell({ loaded: true });
try {
  const { probe = false, ...needs } = JSON.parse(process.argv[2]!) as Partial<Pick<SocketNeeds, 'mode' | 'procfsIntervalMs'>> & {
    readonly probe?: boolean;
  };
  const recorder = await recordSessions({ needs: { mode: 'auto', ...needs } });
  const { rung, notes, hooks } = recorder.kernel.sockets();
  const checks = probe ? (await recorder.kernel.probe()).checks : [];
  tell({ rung, notes, hooks, checks });
  let told = 0;
  const tellNew = (): void => {
    while (told < recorder.records.length) tell(recorder.records[told++]!);
  };
  const timer = setInterval(tellNew, POLL_MS);
  await text(process.stdin);
  await recorder.settle();
  clearInterval(timer);
  await recorder.stop();
  tellNew();
  tell({ done: true });
} catch (error) {
  const { message, advice, exitCode } = error as Error & { advice?: string; exitCode?: number };
  tell({ message, advice, exitCode });
}

import { open } from 'node:fs/promises';
import { RuntimeError } from '../../core/errors.ts';
import { logsFromJson } from '../../otlp/from-json.ts';
import { readMessages, type Message } from './messages.ts';
import { createOtlpBatches } from './otlp-batches.ts';
import type { Player } from './player.ts';

/** Plays a file of OTLP logs: the records as they are, but for the observed time, which is that of the replay. */
export const createOtlpPlayer =
  (format: 'json' | 'proto'): Player =>
  async ({ path, receiver, logger, next, until }) => {
    const requests = createOtlpBatches(receiver);
    const read = ({ bytes }: Message) => requests.of(format === 'json' ? logsFromJson(bytes) : bytes);
    const file = await open(path);
    const warnOfCut = () => logger.warn({ path }, 'the file was cut off; its last whole message was the last');
    try {
      const messages = readMessages(file, path);
      for (;;) {
        const step = await messages.next();
        if (step.done === true) {
          if (!step.value) warnOfCut();
          break;
        }
        let request: ReturnType<typeof read>;
        try {
          request = read(step.value);
        } catch (error) {
          if (step.value.last) {
            warnOfCut();
            break;
          }
          throw new RuntimeError(`${path} is damaged in the message at byte ${step.value.at}`, { cause: error });
        }
        if (request.timeMs !== undefined && !(await until(request.timeMs))) return;
        for (const batch of request.batches) next(batch);
      }
    } finally {
      await file.close();
    }
  };

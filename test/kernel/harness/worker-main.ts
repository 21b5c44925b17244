/** Run in a worker thread: a Ringtail that is running when its environment is torn down. */
import { setInterval } from 'node:timers';
import { parentPort } from 'node:worker_threads';
import { heldIds } from './leftovers.ts';
import { startPipeline } from './pipeline.ts';

await startPipeline({});
const { postMessage } = parentPort!;
postMessage.call(parentPort, heldIds());
// it goes on until somebody ends it
setInterval(() => {}, 1000);

/** Run in a worker thread: a Ringtail that is running when its environment is torn down. */
import { parentPort } from 'node:worker_threads';
import { heldIds } from './leftovers.ts';
import { startPipeline } from './pipeline.ts';

const pipeline = await startPipeline({});
parentPort!.postMessage(heldIds());
// work goes on until the end
parentPort!.on('message', () => parentPort!.postMessage(pipeline.events.length));

/** A process with a small heap that runs the extension, for heap snapshots: `node heap-child.ts DIRECTORY`; writes its port, ends with its input. */
import { pprofExtension } from '../../src/extensions/pprof/index.ts';
import { createWorld, startExtension, stopExtensions } from './support.ts';

const { port } = await startExtension(pprofExtension, createWorld(), { directory: process.argv[2]!, keep: 1 });
console.log(port);
process.stdin.resume();
process.stdin.on('end', () => void stopExtensions());

/** Which components exist: a new one is a folder and a line here. */
import { createRegistry, type Registry } from './config/registry.ts';
import { processReceiver } from './receivers/process/index.ts';

export const components: Registry = createRegistry([processReceiver]);

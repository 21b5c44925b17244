import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the project. */
export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** @param {...string} parts */
export const inRoot = (...parts) => join(root, ...parts);

/** The pinned Node that runs the product and the tools. */
export const pinnedNode = inRoot('node_modules/.bin/node');

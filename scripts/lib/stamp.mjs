import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/**
 * Files below `folder` whose names end in one of `endings`, sorted, so that a hash over them does not depend on the file system.
 * @param {string} folder
 * @param {readonly string[]} endings
 * @returns {string[]}
 */
export const filesIn = (folder, endings) => {
  if (!existsSync(folder)) return [];
  /** @type {string[]} */
  const found = [];
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) found.push(...filesIn(path, endings));
    else if (endings.some((ending) => entry.name.endsWith(ending))) found.push(path);
  }
  return found.sort();
};

/**
 * A hash over the names and contents of files and over facts (tool versions, flags). Names count relative to `base`: a moved checkout stays fresh.
 * @param {string} base
 * @param {readonly string[]} files
 * @param {readonly string[]} facts
 */
export const hashInputs = (base, files, facts) => {
  const hash = createHash('sha256');
  /** @param {string | Buffer} part */
  const add = (part) => hash.update(`${part.length}:`).update(part);
  for (const fact of facts) add(fact);
  for (const file of files) {
    add(relative(base, file));
    add(readFileSync(file));
  }
  return hash.digest('hex');
};

/**
 * What tells one version of a tool from another without running it: its path, size and time of change.
 * @param {string} path
 */
export const toolFact = (path) => {
  const { size, mtimeMs } = statSync(path);
  return `${path} ${size} ${mtimeMs}`;
};

/**
 * Does `step.build` unless its stamp says that its inputs are those of the last time and all outputs are there.
 * @param {string} stampFile
 * @param {{ hash: string, outputs: readonly string[], build: () => Promise<void> }} step
 * @returns {Promise<boolean>} whether it built
 */
export const buildWhenStale = async (stampFile, { hash, outputs, build }) => {
  const stamped = existsSync(stampFile) ? readFileSync(stampFile, 'utf8') : '';
  if (stamped === hash && outputs.every((output) => existsSync(output))) return false;
  await build();
  mkdirSync(dirname(stampFile), { recursive: true });
  const temporary = `${stampFile}.${process.pid}`;
  writeFileSync(temporary, hash);
  renameSync(temporary, stampFile);
  return true;
};

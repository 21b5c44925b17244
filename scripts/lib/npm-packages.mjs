import { existsSync, readFileSync } from 'node:fs';
import { inRoot, pinnedNode } from './paths.mjs';
import { SetupError } from './errors.mjs';
import { run } from './run.mjs';
import { systemEnv } from './tools.mjs';

/**
 * What a lock file says of one package, as far as we look.
 * @typedef {{ version?: string, integrity?: string, optional?: boolean, os?: string | string[], cpu?: string | string[] }} LockedPackage
 * @typedef {Readonly<Record<string, LockedPackage>>} LockedPackages
 */

/**
 * @param {string | string[] | undefined} allowed
 * @param {string} ours
 */
const fits = (allowed, ours) => allowed === undefined || [allowed].flat().includes(ours);

/**
 * Whether node_modules holds what the lock file asks for. npm writes node_modules/.package-lock.json last, so it describes what was
 * installed to the end, by whatever command. Optional packages of other platforms may be missing.
 * @param {LockedPackages} wanted
 * @param {LockedPackages} installed
 */
export const isInstalled = (wanted, installed) => {
  const names = Object.keys(wanted).filter((name) => name !== '');
  const present = names.every((name) => {
    const want = /** @type {LockedPackage} */ (wanted[name]);
    const have = installed[name];
    if (have !== undefined) return have.version === want.version && have.integrity === want.integrity;
    return (
      want.optional === true &&
      !(fits(want.os, process.platform) && fits(want.cpu, process.arch) && name.startsWith('node_modules/node-linux-'))
    );
  });
  return present && Object.keys(installed).every((name) => name in wanted);
};

/** @param {string} path @returns {LockedPackages} */
const readLock = (path) => (existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).packages : {});

/** @param {(line: string) => void} say */
export const installNpmPackages = async (say) => {
  const wanted = readLock(inRoot('package-lock.json'));
  if (existsSync(pinnedNode) && isInstalled(wanted, readLock(inRoot('node_modules/.package-lock.json')))) return;
  say('installing npm packages (npm ci)');
  // Not the pinned Node: it is one of the packages that npm ci removes first.
  await run('npm', ['ci', '--loglevel=error', '--no-progress'], { env: systemEnv() });
  if (!existsSync(pinnedNode))
    throw new SetupError(`npm left out the package node-linux-${process.arch}, which holds the Node that runs Ringtail`);
};

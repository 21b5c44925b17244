import { spawn } from 'node:child_process';
import { root } from './paths.mjs';
import { CommandError } from './errors.mjs';

/** Most characters of a tool's output that are kept for the message when it fails; the end says why. */
const OUTPUT_KEPT = 64 * 1024;

/**
 * Runs a command in the project's folder and returns what it printed. Throws CommandError when it ends with anything but 0.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, stdoutOnly?: boolean, keepAll?: boolean }} [options]
 * @returns {Promise<string>}
 */
export const run = (command, args, { env = process.env, stdoutOnly = false, keepAll = false } = {}) =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let kept = '';
    let complaints = '';
    /** @param {string} chunk */
    const keep = (chunk) => {
      kept += chunk;
      if (!keepAll && kept.length > 2 * OUTPUT_KEPT) kept = kept.slice(-OUTPUT_KEPT);
    };
    child.stdout.setEncoding('utf8').on('data', keep);
    child.stderr.setEncoding('utf8').on('data', (/** @type {string} */ chunk) => {
      if (stdoutOnly) complaints = (complaints + chunk).slice(-OUTPUT_KEPT);
      else keep(chunk);
    });
    child.on('error', (cause) => reject(new CommandError(`cannot run ${command}: ${cause.message}`, '')));
    child.on('close', (code, signal) => {
      if (code === 0) resolve(kept);
      else
        reject(new CommandError(`${command} ${args.slice(0, 3).join(' ')} … ended with ${signal ?? code}`, stdoutOnly ? complaints : kept));
    });
  });

/**
 * Runs a command with our own standard streams; resolves to its exit code, 128 + n after signal n.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {Promise<number>}
 */
export const runVisibly = (command, args, env = process.env) =>
  new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, env, stdio: 'inherit' });
    child.on('error', (cause) => {
      process.stderr.write(`cannot run ${command}: ${cause.message}\n`);
      resolve(127);
    });
    child.on('close', (code) => resolve(code ?? 128));
  });

/**
 * Runs the jobs, `limit` at a time; throws the first error after all that were started have ended.
 * @param {readonly (() => Promise<unknown>)[]} jobs
 * @param {number} limit
 */
export const inParallel = async (jobs, limit) => {
  const waiting = [...jobs];
  const worker = async () => {
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) await job();
  };
  const results = await Promise.allSettled(Array.from({ length: Math.max(1, limit) }, worker));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
};

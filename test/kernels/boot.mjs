import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

const MEMORY_MIB = 2048;

/**
 * Boots one kernel without KVM. The guest talks to `consolePath`; what its second serial line says, one JSON text a line, goes to
 * `resultPath`. Resolves when the guest is off, with how that came about.
 * @param {{ image: string, initrd: string, part: string, from: number, consolePath: string, resultPath: string, timeoutMs: number }} options `part`: of the
 *   scenarios, `1/2`; `from`: the first of these that is run, from 0
 * @returns {Promise<{ late: boolean, how: string }>} `late`: it had to be stopped; `how`: the emulator's exit code or signal
 */
export const boot = ({ image, initrd, part, from, consolePath, resultPath, timeoutMs }) =>
  new Promise((resolve, reject) => {
    const out = openSync(consolePath, 'w');
    // one thread for both processors: races happen, and the other cores of the machine stay free
    const machine = ['-accel', 'tcg,thread=single', '-cpu', 'max', '-smp', '2', '-m', String(MEMORY_MIB)];
    const nothingElse = ['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-nic', 'none'];
    const lines = ['-serial', 'stdio', '-serial', `file:${resultPath}`];
    const system = [
      '-kernel',
      image,
      '-initrd',
      initrd,
      '-append',
      `console=ttyS0 quiet panic=-1 ringtail.part=${part} ringtail.from=${from}`,
    ];
    const child = spawn('qemu-system-x86_64', [...machine, ...nothingElse, ...lines, ...system], { stdio: ['ignore', out, out] });
    closeSync(out);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, timeoutMs);
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ late, how: signal ?? `exit code ${code}` });
    });
  });

/** Whether this host has what a configuration needs of it. Each look gives what is wrong as text, or undefined; nothing is left behind. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { constants } from 'node:fs';
import { access, open, stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import path from 'node:path';
import { messageOf } from '../../core/errors.ts';
import { groupNumber } from '../../kernel/procfs/group.ts';
import { findListener } from '../../kernel/procfs/listener.ts';

/** Certificates of all the authorities of the world take less than 1 MiB; a wrong path is not read into memory. */
const MAX_PEM_BYTES = 4 * 2 ** 20;

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? messageOf(error);

const plain: Readonly<Record<string, string>> = {
  ENOENT: 'it is not there',
  EACCES: 'it may not be read by this user',
  EPERM: 'it may not be read by this user',
  ENOTDIR: 'a part of the path is not a folder',
  ELOOP: 'its symbolic links go in a circle',
};
const reasonOf = (error: unknown): string => {
  const code = codeOf(error);
  return plain[code] === undefined ? code : `${plain[code]} (${code})`;
};

export type PortProblem = { readonly message: string; readonly severity: 'error' | 'warning' };

/** Takes ports to see whether they are free, and keeps them until `close`, so that two needs for one port are seen. */
export const createPortProbe = () => {
  const servers: Server[] = [];
  const taken = new Map<string, string>();
  return {
    /** `owner` is the path of the option that wants the port. */
    async take(host: string, port: number, owner: string): Promise<PortProblem | undefined> {
      const earlier = taken.get(`${host} ${port}`);
      if (port !== 0 && earlier !== undefined)
        return { severity: 'error', message: `port ${port} is used by ${earlier} already; give each its own` };
      taken.set(`${host} ${port}`, owner);
      const server = createServer();
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      server.once('error', reject);
      server.listen({ host, port, exclusive: true }, resolve);
      try {
        await promise;
        servers.push(server);
        return undefined;
      } catch (error) {
        const code = codeOf(error);
        if (code === 'EADDRINUSE') return portInUse(port);
        if (code === 'EACCES')
          return { severity: 'error', message: `port ${port} may not be taken by this user (EACCES); allowed is 1024 or more` };
        if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EAI_AGAIN')
          return { severity: 'error', message: `${host} is not an address of this host (${code})` };
        return { severity: 'error', message: `cannot listen there: ${code}` };
      }
    },
    async close(): Promise<void> {
      await Promise.all(
        servers.map((server) => {
          const { promise, resolve } = Promise.withResolvers<void>();
          server.close(() => resolve());
          return promise;
        }),
      );
    },
  };
};

/** The same program as this one, which will give its ports to its successor. */
const isRingtail = (args: readonly string[]): boolean => {
  const main = process.argv[1];
  return main !== undefined && /[/\\]main\.[jt]s$/.test(main) && args.includes(main) && args.includes('run');
};

const portInUse = async (port: number): Promise<PortProblem> => {
  const listener = await findListener(port);
  if (listener === undefined) return { severity: 'error', message: `port ${port} is in use; choose a free one` };
  const { pid, args } = listener;
  if (isRingtail(args))
    return { severity: 'warning', message: `port ${port} is in use by the Ringtail that runs (pid ${pid}); right for a reload of it` };
  const name = path.basename(args[0] ?? '');
  return { severity: 'error', message: `port ${port} is in use by ${name === '' ? 'a process' : name} (pid ${pid}); choose a free one` };
};

/** A folder in which files can be made; with `create`, or could be made. */
export const directoryProblem = async (folder: string, create: boolean): Promise<string | undefined> => {
  for (let at = path.resolve(folder); ; at = path.dirname(at)) {
    try {
      if (!(await stat(at)).isDirectory()) return `${at} is not a folder`;
      await access(at, constants.W_OK | constants.X_OK);
      return undefined;
    } catch (error) {
      const code = codeOf(error);
      if (code === 'ENOENT' && create && at !== path.dirname(at)) continue;
      if (code === 'ENOENT') return `the folder ${at} is not there; make it${create ? '' : ' first'}`;
      if (code === 'EACCES' || code === 'EPERM') return `this user may not write into ${at} (${code})`;
      if (code === 'EROFS') return `${at} is on a file system that is read-only (EROFS)`;
      return `the folder ${at} cannot be used: ${reasonOf(error)}`;
    }
  }
};

type FileText = { readonly text: string } | { readonly problem: string };

/** Opens without waiting: a pipe without a writer would hold us up for ever. */
const readFile = async (file: string, maxBytes: number): Promise<FileText> => {
  try {
    await using handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const found = await handle.stat();
    if (found.isDirectory()) return { problem: `${file} is a folder; allowed is a file` };
    if (!found.isFile()) return { problem: `${file} is not a regular file` };
    if (maxBytes === 0) return { text: '' };
    if (found.size > maxBytes) return { problem: `${file} is larger than ${maxBytes} bytes` };
    return { text: await handle.readFile('utf8') };
  } catch (error) {
    return { problem: `cannot read ${file}: ${reasonOf(error)}` };
  }
};

/** A file that can be read; what is in it is not looked at. */
export const fileProblem = async (file: string): Promise<string | undefined> => {
  const read = await readFile(file, 0);
  return 'problem' in read ? read.problem : undefined;
};

export type PemProblem = { readonly message: string; readonly severity: 'error' | 'warning' };
const wrong = (message: string): PemProblem => ({ severity: 'error', message });

/** A PEM file of one or more certificates that are valid at `now`. */
export const certificatesProblem = async (file: string, now: Date = new Date()): Promise<PemProblem | undefined> => {
  const read = await readFile(file, MAX_PEM_BYTES);
  if ('problem' in read) return wrong(read.problem);
  const blocks = read.text.match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) return wrong(`${file} holds no certificate; allowed is PEM text with BEGIN CERTIFICATE`);
  let expired: X509Certificate | undefined;
  for (const [index, block] of blocks.entries()) {
    try {
      const certificate = new X509Certificate(block);
      if (certificate.validToDate < now) expired ??= certificate;
      else if (certificate.validFromDate > now)
        return { severity: 'warning', message: `a certificate of ${file} is not valid before ${certificate.validFromDate.toISOString()}` };
    } catch (error) {
      return wrong(`certificate ${index + 1} of ${file} cannot be read: ${messageOf(error)}`);
    }
  }
  // Bundles of authorities carry some that are long gone.
  if (expired !== undefined && blocks.length === 1)
    return { severity: 'warning', message: `the certificate of ${file} expired at ${expired.validToDate.toISOString()}` };
  return undefined;
};

/** A PEM file of a private key, and that it belongs to the first certificate of `certificateFile` where both can be read. */
export const privateKeyProblem = async (file: string, certificateFile?: string): Promise<PemProblem | undefined> => {
  const read = await readFile(file, MAX_PEM_BYTES);
  if ('problem' in read) return wrong(read.problem);
  let key;
  try {
    key = createPrivateKey(read.text);
  } catch {
    // What the parser says may tell of the key.
    return wrong(`${file} holds no private key without a passphrase; allowed is PEM text with BEGIN PRIVATE KEY`);
  }
  if (certificateFile === undefined) return undefined;
  const certificate = await readFile(certificateFile, MAX_PEM_BYTES);
  if ('problem' in certificate) return undefined;
  try {
    return new X509Certificate(certificate.text).checkPrivateKey(key)
      ? undefined
      : wrong(`the key of ${file} does not belong to the certificate of ${certificateFile}`);
  } catch {
    return undefined; // told with the certificate
  }
};

export const groupProblem = async (name: string): Promise<string | undefined> => {
  try {
    return (await groupNumber(name)) === undefined ? `this host has no group ${name}` : undefined;
  } catch (error) {
    return `the groups of this host cannot be read: ${reasonOf(error)}`;
  }
};

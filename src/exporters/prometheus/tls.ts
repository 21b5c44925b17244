/** The `tls` section of a server, by the names that the Collector uses. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';
import { z } from 'zod';
import { duration } from '../../core/config-types.ts';
import type { HostNeed } from '../../core/component.ts';
import { messageOf, RuntimeError } from '../../core/errors.ts';
import { areSound, withKeys } from '../shared/checks.ts';
import { readBounded } from '../shared/read-bounded.ts';

/** Certificate and key in PEM, and whom to trust. */
export type ServerTls = Pick<SecureContextOptions, 'cert' | 'key' | 'ca' | 'minVersion' | 'maxVersion'>;

const path = z.string().min(1).optional();

/** YAML makes a number of 1.2 without quotes. */
const version = (byDefault: '1.2' | '1.3') =>
  z
    .union([z.enum(['1.2', '1.3']), z.literal(1.2), z.literal(1.3)], { error: 'not a version of TLS; allowed is 1.2 or 1.3' })
    .transform((value) => String(value) as '1.2' | '1.3')
    .prefault(byDefault);

export const serverTls = z
  .strictObject({
    cert_file: path.describe('PEM file of the certificate, with the ones between it and the authority; without it the page is plain text'),
    key_file: path.describe('PEM file of its key'),
    client_ca_file: path.describe('PEM file of the authorities that who asks must have a certificate of'),
    min_version: version('1.2').describe('oldest version of TLS'),
    max_version: version('1.3').describe('newest version of TLS'),
    reload_interval: duration().prefault('0s').describe('files are read again after this time; 0 means never'),
  })
  .superRefine((config, context) => {
    const wrong = (message: string, key?: string) => context.addIssue({ code: 'custom', path: key === undefined ? [] : [key], message });
    if (areSound(context, 'cert_file', 'key_file') && (config.cert_file === undefined) !== (config.key_file === undefined))
      wrong('a certificate and its key go together: cert_file and key_file');
    if (areSound(context, 'cert_file', 'client_ca_file') && config.client_ca_file !== undefined && config.cert_file === undefined)
      wrong('needs a certificate of the server: cert_file and key_file', 'client_ca_file');
    if (areSound(context, 'min_version', 'max_version') && config.min_version > config.max_version)
      wrong('newer than max_version', 'min_version');
  }, withKeys)
  .prefault({});

export type ServerTlsConfig = z.output<typeof serverTls>;

const MAX_PEM_BYTES = 1024 * 1024;

export const serverTlsNeeds = ({ cert_file: cert, key_file: key, client_ca_file: ca }: ServerTlsConfig): readonly HostNeed[] => {
  const needs: HostNeed[] = [];
  if (cert !== undefined) needs.push({ kind: 'file', path: cert, holds: 'certificates', option: ['tls', 'cert_file'] });
  if (key !== undefined && cert !== undefined)
    needs.push({ kind: 'file', path: key, holds: 'private_key', certificate: cert, option: ['tls', 'key_file'] });
  if (ca !== undefined) needs.push({ kind: 'file', path: ca, holds: 'certificates', option: ['tls', 'client_ca_file'] });
  return needs;
};

const textOf = async (option: string, file: string): Promise<string> => {
  try {
    return await readBounded(file, MAX_PEM_BYTES);
  } catch (error) {
    throw new RuntimeError(`tls.${option} cannot be read: ${messageOf(error)}`);
  }
};

/** Reads and checks the files; undefined for plain text. Throws a message that names the option and the file, and shows nothing of what is in it. */
export const readServerTls = async (config: ServerTlsConfig): Promise<ServerTls | undefined> => {
  const { cert_file: certFile, key_file: keyFile, client_ca_file: caFile } = config;
  if (certFile === undefined || keyFile === undefined) return undefined;
  const [cert, key, ca] = await Promise.all([
    textOf('cert_file', certFile),
    textOf('key_file', keyFile),
    caFile === undefined ? undefined : textOf('client_ca_file', caFile),
  ]);
  const certificateOf = (option: string, file: string, text: string): X509Certificate => {
    try {
      return new X509Certificate(text);
    } catch {
      throw new RuntimeError(`tls.${option} (${file}) holds no certificate in PEM`);
    }
  };
  const own = certificateOf('cert_file', certFile, cert);
  if (caFile !== undefined) certificateOf('client_ca_file', caFile, ca!);
  let isKeyOfIt: boolean;
  try {
    isKeyOfIt = own.checkPrivateKey(createPrivateKey(key));
  } catch {
    throw new RuntimeError(`tls.key_file (${keyFile}) holds no private key in PEM that can be used`);
  }
  if (!isKeyOfIt) throw new RuntimeError(`tls.key_file (${keyFile}) is not the key of tls.cert_file (${certFile})`);
  return {
    cert,
    key,
    ...(ca !== undefined && { ca }),
    minVersion: `TLSv${config.min_version}`,
    maxVersion: `TLSv${config.max_version}`,
  };
};

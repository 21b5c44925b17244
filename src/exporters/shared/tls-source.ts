/** Certificates and keys: read, checked, and read again when they may have changed. */
import { createHash, createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import tls, { type SecureContext } from 'node:tls';
import { RuntimeError, messageOf } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import { readBounded } from './read-bounded.ts';
import { cipherSuites, type TlsConfig } from './tls-config.ts';

/** The bundles of all public authorities take a fifth of this. */
const MAX_PEM_BYTES = 1024 * 1024;
/** Of TLS 1.3, which OpenSSL wants to be told along with the chosen ones. */
const TLS13_SUITES = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'];

/** Changes when a file has changed. */
export type TlsMaterial = { readonly context: SecureContext };

export type TlsSource = {
  /** What a connection that is made now uses. Reads the files when it is time; never fails: what was good stays. */
  current(): Promise<TlsMaterial>;
};

type Texts = { readonly ca: string | undefined; readonly cert: string | undefined; readonly key: string | undefined };

/** For people: the option, and the file where it names one. */
export const optionOf = (config: TlsConfig, kind: 'ca' | 'cert' | 'key'): string => {
  const file = config[`${kind}_file`];
  return file === undefined ? `tls.${kind}_pem` : `tls.${kind}_file (${file})`;
};

const textOf = async (config: TlsConfig, kind: 'ca' | 'cert' | 'key'): Promise<string | undefined> => {
  const file = config[`${kind}_file`];
  if (file === undefined) return kind === 'key' ? config.key_pem?.reveal() : config[`${kind}_pem`];
  try {
    return await readBounded(file, MAX_PEM_BYTES);
  } catch (error) {
    throw new RuntimeError(`tls.${kind}_file cannot be read: ${messageOf(error)}`);
  }
};

/** The first certificate; a message that names the option when there is none. The bytes themselves are never shown. */
const certificateIn = (text: string, option: string): X509Certificate => {
  try {
    return new X509Certificate(text);
  } catch {
    throw new RuntimeError(`${option} holds no certificate in PEM`);
  }
};

const keyIn = (text: string, option: string): KeyObject => {
  try {
    return createPrivateKey(text);
  } catch {
    const why = /ENCRYPTED/.test(text) ? 'is protected by a password, which is not supported' : 'holds no private key in PEM';
    throw new RuntimeError(`${option} ${why}`);
  }
};

const systemAuthorities = (): readonly string[] => {
  const system = tls.getCACertificates('system');
  return system.length > 0 ? [...new Set(system)] : tls.rootCertificates;
};

const contextOf = (config: TlsConfig, { ca, cert, key }: Texts): SecureContext => {
  if (ca !== undefined) certificateIn(ca, optionOf(config, 'ca'));
  if (cert !== undefined && key !== undefined) {
    const own = certificateIn(cert, optionOf(config, 'cert'));
    if (!own.checkPrivateKey(keyIn(key, optionOf(config, 'key'))))
      throw new RuntimeError(`${optionOf(config, 'key')} is not the key of ${optionOf(config, 'cert')}`);
  }
  const authorities = ca === undefined ? systemAuthorities() : config.include_system_ca_certs_pool ? [...systemAuthorities(), ca] : [ca];
  return tls.createSecureContext({
    ca: [...authorities],
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    minVersion: `TLSv${config.min_version}`,
    maxVersion: `TLSv${config.max_version}`,
    ...(config.cipher_suites && { ciphers: [...config.cipher_suites.map((name) => cipherSuites[name]), ...TLS13_SUITES].join(':') }),
  });
};

/** Reads and checks everything once; throws a message that names the option and the file. `nowMs` is monotonic. */
export const createTlsSource = async (
  config: TlsConfig,
  logger: Logger,
  nowMs: () => number = () => performance.now(),
): Promise<TlsSource> => {
  const load = async (known?: string): Promise<{ readonly material: TlsMaterial; readonly digest: string } | undefined> => {
    const [ca, cert, key] = await Promise.all([textOf(config, 'ca'), textOf(config, 'cert'), textOf(config, 'key')]);
    const digest = createHash('sha256')
      .update(JSON.stringify([ca, cert, key]))
      .digest('hex');
    if (digest === known) return undefined;
    const material = { context: contextOf(config, { ca, cert, key }) };
    const validTo = cert === undefined ? undefined : new X509Certificate(cert).validTo;
    if (validTo !== undefined && Date.parse(validTo) < Date.now())
      logger.warn({ option: optionOf(config, 'cert'), expired: validTo }, 'the own certificate has expired');
    return { material, digest };
  };

  if (config.insecure_skip_verify) logger.warn({}, 'the other side is not verified: tls.insecure_skip_verify is set');
  let { material, digest } = (await load())!;
  let nextMs = nowMs() + config.reload_interval;
  let loading: Promise<void> | undefined;

  const reload = async (): Promise<void> => {
    try {
      const loaded = await load(digest);
      if (loaded !== undefined) {
        ({ material, digest } = loaded);
        logger.info({}, 'certificates were read again; new connections use them');
      }
    } catch (error) {
      logger.warn({ error: messageOf(error) }, 'changed certificates cannot be used; the ones before stay');
    }
    nextMs = nowMs() + config.reload_interval;
    loading = undefined;
  };

  return {
    async current() {
      if (config.reload_interval > 0 && nowMs() >= nextMs) await (loading ??= reload());
      return material;
    },
  };
};

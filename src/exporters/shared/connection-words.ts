/** What went wrong with a connection, for people: what it was, with whom, and which option or file has to do with it. */
import { messageOf } from '../../core/errors.ts';
import type { TlsConfig } from './tls-config.ts';
import { optionOf } from './tls-source.ts';

type Peer = {
  /** `host:port`. */
  readonly address: string;
  /** Name that the certificate must have. */
  readonly name: string;
  readonly tls: TlsConfig;
};

type NodeError = Error & { readonly code?: string; readonly reason?: string; readonly cert?: { readonly subjectaltname?: string } };

const untrusted: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'INVALID_CA',
]);

/** What OpenSSL says when the other side sent no TLS. */
const noTls: ReadonlySet<string> = new Set(['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG', 'ERR_SSL_HTTP_REQUEST']);

const trusted = ({ tls }: Peer): string => (tls.ca_file === undefined && tls.ca_pem === undefined ? 'the system' : optionOf(tls, 'ca'));

/** Why the other side may have gone without a word. */
export const doubtOf = (tls: TlsConfig): string =>
  tls.cert_file === undefined && tls.cert_pem === undefined
    ? 'it may want a certificate of ours (tls.cert_file, tls.key_file)'
    : `it may not take the certificate in ${optionOf(tls, 'cert')}`;

/** Alerts by which the other side refuses: they come from it and are about us. */
const ofAlert = (alert: string, peer: Peer): string | undefined => {
  const { address, tls } = peer;
  const has = tls.cert_file !== undefined || tls.cert_pem !== undefined;
  const own = has ? optionOf(tls, 'cert') : '';
  const missing = `${address} wants a certificate of ours and there is none; set tls.cert_file and tls.key_file`;
  switch (alert) {
    case 'CERTIFICATE_REQUIRED':
      return missing;
    case 'BAD_CERTIFICATE':
    case 'HANDSHAKE_FAILURE':
      return has ? `${address} does not take the certificate in ${own} (${alert.toLowerCase().replaceAll('_', ' ')})` : missing;
    case 'UNKNOWN_CA':
      return has ? `${address} does not know the authority of the certificate in ${own}` : missing;
    case 'CERTIFICATE_EXPIRED':
      return `${address} says that the certificate in ${own || 'use'} has expired`;
    case 'PROTOCOL_VERSION':
      return `${address} speaks none of the versions of TLS from ${tls.min_version} to ${tls.max_version} (tls.min_version, tls.max_version)`;
    default:
      return undefined;
  }
};

/** One sentence for an error of the TCP connection or of TLS; Node's own words where there are no better ones. */
export const wordsFor = (thrown: unknown, peer: Peer): string => {
  const error = thrown as NodeError;
  const code = error?.code ?? '';
  const { address, name } = peer;
  if (untrusted.has(code)) return `the certificate of ${address} is not signed by an authority that is trusted, those in ${trusted(peer)}`;
  if (code === 'CERT_HAS_EXPIRED') return `the certificate of ${address} has expired; its owner must renew it`;
  if (code === 'CERT_NOT_YET_VALID') return `the certificate of ${address} is not valid yet; one of the two clocks may be wrong`;
  if (code === 'CERT_REVOKED') return `the certificate of ${address} was revoked`;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return `the certificate of ${address} is not for ${name}, but for ${error.cert?.subjectaltname || 'no name'}; tls.server_name_override names another`;
  if (noTls.has(code)) return `${address} does not speak TLS; for plain text write http:// or set tls.insecure`;
  if (code === 'ERR_SSL_UNSUPPORTED_PROTOCOL')
    return `${address} speaks none of the versions of TLS from ${peer.tls.min_version} to ${peer.tls.max_version} (tls.min_version, tls.max_version)`;
  // the name before it depends on the version of OpenSSL
  const alert = /^ERR_SSL_.*?_ALERT_([A-Z_]+)$/.exec(code)?.[1];
  const refused = alert === undefined ? undefined : ofAlert(alert, peer);
  if (refused !== undefined) return refused;
  if (code.startsWith('ERR_SSL_') && error.reason !== undefined) return `TLS with ${address} failed: ${error.reason}`;
  if (/before secure TLS connection/.test(error?.message ?? '')) return `${address} broke off the TLS handshake; ${doubtOf(peer.tls)}`;
  // an AggregateError of several addresses has no message of its own
  const inner = thrown instanceof AggregateError ? thrown.errors.map((one: unknown) => messageOf(one)).join('; ') : messageOf(thrown);
  return inner === '' ? `${address}: ${code}` : inner;
};

/** The resource of this host: what every record is about. Names follow the OpenTelemetry conventions for resources. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { resourceName } from './names.ts';

export type HostResourceOptions = {
  /** Where the host's file system is mounted, `/` as a rule. */
  readonly rootPath?: string;
  /** OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES are honoured, as the specification of the SDKs says. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Node's name of the architecture. */
  readonly arch?: string;
  /** Set in the configuration; goes before everything else. */
  readonly configured?: Readonly<Record<string, string>>;
  /** For when no file tells the name of the host. */
  readonly hostName?: () => string;
};

const archNames: Readonly<Record<string, string>> = {
  x64: 'amd64',
  arm64: 'arm64',
  arm: 'arm32',
  ia32: 'x86',
  ppc64: 'ppc64',
  s390x: 's390x',
};

const firstLine = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8').split('\n', 1)[0]?.trim() || undefined;
  } catch {
    return undefined;
  }
};

/** A machine-id is 32 hex digits; an image that was never booted holds `uninitialized` instead. */
const machineId = (rootPath: string): string | undefined =>
  ['etc/machine-id', 'var/lib/dbus/machine-id']
    .map((path) => firstLine(join(rootPath, path)))
    .find((id) => id !== undefined && /^[0-9a-f]{32}$/.test(id));

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

/** `key=value,key=value`, values percent-encoded. What is no pair is left out. */
const pairs = (text = ''): [string, string][] =>
  text.split(',').flatMap((pair): [string, string][] => {
    const at = pair.indexOf('=');
    return at < 1 ? [] : [[pair.slice(0, at).trim(), decoded(pair.slice(at + 1).trim())]];
  });

/** Pairs of name and value, each name once; what cannot be had is left out. Reads files, once at start. */
export const hostResource = (options: HostResourceOptions = {}): readonly (readonly [string, string])[] => {
  const { rootPath = '/', env = {}, configured = {}, arch = process.arch, hostName = hostname } = options;
  const attributes = new Map<string, string>([[resourceName.serviceName, 'ringtail']]);
  const id = machineId(rootPath);
  const name = rootPath === '/' ? hostName() : (firstLine(join(rootPath, 'etc/hostname')) ?? hostName());
  if (name !== '') attributes.set(resourceName.hostName, name);
  if (id !== undefined) attributes.set(resourceName.hostId, id);
  const archName = archNames[arch];
  if (archName !== undefined) attributes.set(resourceName.hostArch, archName);
  attributes.set(resourceName.osType, 'linux');
  for (const [key, value] of pairs(env['OTEL_RESOURCE_ATTRIBUTES'])) attributes.set(key, value);
  const serviceName = env['OTEL_SERVICE_NAME'];
  if (serviceName !== undefined && serviceName !== '') attributes.set(resourceName.serviceName, serviceName);
  for (const [key, value] of Object.entries(configured)) attributes.set(key, value);
  return [...attributes];
};

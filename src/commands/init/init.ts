import { open, rename, rm } from 'node:fs/promises';
import { loadConfig } from '../../config/load.ts';
import { kernelSchema } from '../../config/schema.ts';
import { createCounters } from '../../core/counters.ts';
import { exitCode, type ExitCode, messageOf, RuntimeError, UsageError } from '../../core/errors.ts';
import { silentLogger } from '../../core/logger.ts';
import { printable } from '../../core/printable.ts';
import { version } from '../../service/version.ts';
import type { CommandContext } from '../context.ts';
import { kernelFindings } from '../host/kernel.ts';
import { askGrpc, askHttp, type Collector, findCollector, findRuntimes, OTLP_GRPC_PORT, OTLP_HTTP_PORT } from './discovery.ts';
import { type Destination, initialText } from './text.ts';
import { rootPathOf } from '../options.ts';

export type InitOptions = {
  readonly output?: string;
  readonly force?: boolean;
  readonly endpoint?: string;
  readonly rootPath?: string;
};

export const DEFAULT_OUTPUT = 'ringtail.yaml';
const LOCAL = '127.0.0.1';

/** Plain text to any other host needs to be asked for; the exporters have the last word on it. */
const isLocal = (host: string): boolean => /^(127\.\d+\.\d+\.\d+|::1|(.*\.)?localhost)$/.test(host);

/** HTTP where both are there: more proxies let it through. */
const destinationFound = ({ http, grpc }: Collector): Destination | undefined => {
  if (http === 'logs')
    return {
      exporter: 'otlp_http',
      endpoint: `http://${LOCAL}:${OTLP_HTTP_PORT}`,
      insecure: false,
      why: `A Collector takes logs there over HTTP${grpc === 'logs' ? ', and over gRPC too' : ''}.`,
    };
  if (grpc === 'logs')
    return {
      exporter: 'otlp_grpc',
      endpoint: `${LOCAL}:${OTLP_GRPC_PORT}`,
      insecure: false,
      why: 'A Collector takes logs there over gRPC.',
    };
  return undefined;
};

const wrongEndpoint = (text: string, reason: string) =>
  new UsageError(`${JSON.stringify(text)} is not an endpoint: ${reason}`, {
    advice: 'write host:port or a URL, as in https://collector.example:4318',
  });

/** Asks what is there when that is possible in plain text; else scheme and port tell gRPC from HTTP. */
const destinationGiven = async (text: string): Promise<Destination> => {
  const scheme = /^(https?):\/\//.exec(text)?.[1];
  if (!URL.canParse(scheme === undefined ? `http://${text}` : text)) throw wrongEndpoint(text, 'it cannot be read as one');
  const url = new URL(scheme === undefined ? `http://${text}` : text);
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const insecure = scheme === 'http' && !isLocal(host);
  const byName = scheme === undefined || url.port === String(OTLP_GRPC_PORT) ? 'otlp_grpc' : 'otlp_http';
  const as = (exporter: Destination['exporter'], why: string): Destination => {
    // what is no URL is for gRPC alone
    const endpoint = exporter === 'otlp_http' && scheme === undefined ? `http://${text}` : text;
    return { exporter, endpoint, insecure, why };
  };
  if (scheme !== 'https' && (isLocal(host) || scheme === 'http')) {
    const port = Number(url.port || 80);
    if ((await askHttp(host, port)) === 'logs') return as('otlp_http', 'It takes logs over HTTP.');
    if ((await askGrpc(host, port)) === 'logs') return as('otlp_grpc', 'It takes logs over gRPC.');
    return as(byName, 'Nothing took logs there when this was written.');
  }
  return as(byName, byName === 'otlp_http' ? 'Over HTTP, by its URL.' : 'Over gRPC, by its address.');
};

/** Comments on how processes will be followed; the probe says less to an ordinary user than to root. */
const kernelComments = async (rootPath: string, context: CommandContext): Promise<readonly string[]> => {
  const config = kernelSchema.parse({ root_path: rootPath });
  try {
    const kernel = await context.createKernel({ config, counters: createCounters(), logger: silentLogger, version });
    const report = await kernel.probe();
    const { findings, rung } = kernelFindings(config, report, []);
    const follows = `Linux ${report.kernel}: ${rung === '' ? 'nothing follows them here' : `they are followed by ${rung}`}, as "ringtail doctor" tells${process.getuid?.() === 0 ? '' : ' this user; ask it as root too'}.`;
    return [follows, ...findings.filter(({ message }) => message.includes('pid namespace')).map(({ message }) => `Mind: ${message}.`)].map(
      printable,
    );
  } catch (error) {
    return [`What this kernel can do could not be found out: ${printable(messageOf(error))}`];
  }
};

const write = async (file: string, text: string, force: boolean): Promise<void> => {
  // Beside the file and renamed, so that nobody sees half of it; without --force the name itself must be free.
  const target = force ? `${file}.${process.pid}.new` : file;
  try {
    await using handle = await open(target, 'wx');
    await handle.writeFile(text);
    await handle.close();
    if (force) await rename(target, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST')
      throw new UsageError(`${file} is there already`, { advice: 'choose another name with --output, or overwrite it with --force' });
    if (force) await rm(target, { force: true });
    throw new RuntimeError(`cannot write ${file}`, { cause: error, advice: 'choose another place with --output' });
  }
};

/** `ringtail init`: writes a commented configuration for what is found here. Never overwrites without being told to. */
export const initCommand = async (options: InitOptions, context: CommandContext): Promise<ExitCode> => {
  const { output = DEFAULT_OUTPUT, force = false, endpoint } = options;
  const rootPath = rootPathOf(options);
  const registry = await context.registry();
  const collector: Collector = endpoint === undefined ? await findCollector(LOCAL) : { http: 'none', grpc: 'none' };
  const destination = endpoint === undefined ? destinationFound(collector) : await destinationGiven(endpoint);
  const runtimes = findRuntimes(rootPath);
  const text = initialText({
    file: output === '-' ? DEFAULT_OUTPUT : output,
    destination,
    refused: collector.http === 'other' || collector.grpc === 'other',
    runtimes,
    kernel: await kernelComments(rootPath, context),
    rootPath,
    implicit: registry.factories.filter((factory) => factory.implicit === true).map(({ type }) => type),
    healthCheck: registry.find('extension', 'health_check') !== undefined,
    control: registry.find('extension', 'control') !== undefined,
    packets: registry.find('receiver', 'packets') !== undefined,
  });
  // What the exporter has against an endpoint, it says itself.
  const { problems } = loadConfig([{ file: output, text }], registry, context.environment);
  const wrong = problems.find(({ severity }) => severity === 'error');
  if (wrong !== undefined && endpoint !== undefined) throw wrongEndpoint(endpoint, wrong.message);
  if (wrong !== undefined) throw new RuntimeError(`what would be written is wrong: ${wrong.path}: ${wrong.message}`);
  if (output === '-') {
    context.stdout.write(text);
    return exitCode.done;
  }
  await write(output, text, force);
  const where =
    destination === undefined ? 'the terminal, since no Collector answers here' : `${destination.endpoint} (${destination.exporter})`;
  const found = runtimes.map(({ name, place }) => `${name} (${place})`).join(', ');
  context.stdout.write(
    [
      `wrote ${output}: every process of this host to ${where}`,
      `container runtimes: ${found === '' ? 'none found' : found}`,
      `next: ringtail validate --config ${output}`,
    ]
      .map((line) => `${printable(line)}\n`)
      .join(''),
  );
  return exitCode.done;
};

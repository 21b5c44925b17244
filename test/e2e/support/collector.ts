/** A real OpenTelemetry Collector that writes what it accepts to a file. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, type TestContext } from 'vitest';
import { projectRoot } from './places.ts';
import { start, until } from './processes.ts';

export type Collector = {
  readonly pid: number;
  /** Sends SIGTERM and waits until it has written all and ended. */
  stop(): Promise<void>;
};

export type CollectorPlace = {
  readonly folder: string;
  readonly grpcPort: number;
  readonly httpPort: number;
  /** Length-prefixed LogsData, for `readOtlpFile`. */ readonly file: string;
};

/** Most characters that a failed build says. */
const REASON_CHARACTERS = 300;

/** Fetching and compiling everything takes several minutes on a small machine. */
const BUILD_TIMEOUT_MS = 900_000;

type Answer = { readonly binary: string } | { readonly reason: string };

const askForBinary = async (name: 'collector' | 'jaeger'): Promise<Answer> => {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [join(projectRoot, 'scripts/backends.mjs'), name]);
    return { binary: stdout.trim() };
  } catch (error) {
    const { code, stderr } = error as { code?: number; stderr?: string };
    if (code === 3) return { reason: `no ${name} here: ${(stderr ?? '').trim().slice(-REASON_CHARACTERS)}` };
    throw error;
  }
};

/**
 * Called where a file begins: builds the Collector, if it is not there, before the first test of the file. The function that it returns
 * gives a test the path; it skips the test, with the reason, when this machine cannot have a Collector. A build that fails fails the file.
 */
export const needCollector = (): ((context: TestContext) => string) => needBackend('collector');

/** The same of a Jaeger. */
export const needJaeger = (): ((context: TestContext) => string) => needBackend('jaeger');

const needBackend = (name: 'collector' | 'jaeger'): ((context: TestContext) => string) => {
  let answer: Answer | undefined;
  beforeAll(async () => {
    answer = await askForBinary(name);
  }, BUILD_TIMEOUT_MS);
  return (context) => {
    if (answer === undefined) throw new Error('a back end was asked for before the tests began');
    return 'binary' in answer ? answer.binary : context.skip(answer.reason);
  };
};

export type CollectorOptions = {
  /** Keeps what an earlier one wrote. */
  readonly append?: boolean;
  /** Where spans go on to, by OTLP over gRPC: `host:port`. */
  readonly tracesTo?: string;
  /** Largest message that it takes; its own default is 4 MiB by gRPC and 20 MiB by HTTP. */
  readonly maxMessageMib?: number;
};

/** Where the metrics are, beside the log records in `file`: a request of OTLP/JSON a line. */
export const metricsFileOf = (file: string): string => `${file}-metrics`;
/** Where the spans are, in the same form; see `readSpans`. */
export const tracesFileOf = (file: string): string => `${file}-traces`;

const configOf = ({ grpcPort, httpPort, file }: CollectorPlace, { append = false, maxMessageMib, tracesTo }: CollectorOptions): string => `
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "127.0.0.1:${grpcPort}"${maxMessageMib === undefined ? '' : `, max_recv_msg_size_mib: ${maxMessageMib}`}}
      http: {endpoint: "127.0.0.1:${httpPort}"${maxMessageMib === undefined ? '' : `, max_request_body_size: ${maxMessageMib * 2 ** 20}`}}
exporters:
  file: {path: ${JSON.stringify(file)}, format: proto, append: ${append}}
  file/metrics: {path: ${JSON.stringify(metricsFileOf(file))}, format: json, append: ${append}}
  file/traces: {path: ${JSON.stringify(tracesFileOf(file))}, format: json, append: ${append}}
${
  tracesTo === undefined
    ? ''
    : `  otlp: {endpoint: "${tracesTo}", tls: {insecure: true}}
`
}service:
  telemetry:
    metrics: {level: none}
    logs: {level: warn}
  pipelines:
    logs: {receivers: [otlp], exporters: [file]}
    metrics: {receivers: [otlp], exporters: [file/metrics]}
    traces: {receivers: [otlp], exporters: [${tracesTo === undefined ? 'file/traces' : 'otlp'}]}
`;

/** Starts it and waits until both ports answer. */
export const startCollector = async (binary: string, place: CollectorPlace, options: CollectorOptions = {}): Promise<Collector> => {
  const config = join(place.folder, 'collector.yaml');
  writeFileSync(config, configOf(place, options));
  const running = start(binary, ['--config', config]);
  const answers = async (): Promise<boolean> => {
    if (running.hasEnded()) throw new Error(`the Collector ended at its start\n${running.stderr()}`);
    try {
      // an empty request, which is accepted
      const response = await fetch(`http://127.0.0.1:${place.httpPort}/v1/logs`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-protobuf' },
        body: new Uint8Array(),
      });
      return response.ok;
    } catch {
      return false;
    }
  };
  await until(answers, 'the Collector to answer', { otherwise: running.stderr });
  return {
    pid: running.pid,
    async stop() {
      running.child.kill('SIGTERM');
      const { code } = await running.ended;
      if (code !== 0) throw new Error(`the Collector ended with ${code}\n${running.stderr()}`);
    },
  };
};

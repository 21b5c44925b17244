/** A real OpenTelemetry Collector that writes what it accepts to a file. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { TestContext } from 'vitest';
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

/** The binary; skips the test with the reason when this machine cannot have one. A build that fails fails the test. */
export const collectorBinary = async (context: TestContext): Promise<string> => {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [join(projectRoot, 'scripts/backends.mjs')]);
    return stdout.trim();
  } catch (error) {
    const { code, stderr } = error as { code?: number; stderr?: string };
    if (code === 3) context.skip(`no Collector here: ${(stderr ?? '').trim().slice(-REASON_CHARACTERS)}`);
    throw error;
  }
};

const configOf = ({ grpcPort, httpPort, file }: CollectorPlace, append: boolean): string => `
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "127.0.0.1:${grpcPort}"}
      http: {endpoint: "127.0.0.1:${httpPort}"}
exporters:
  file: {path: ${JSON.stringify(file)}, format: proto, append: ${append}}
service:
  telemetry:
    metrics: {level: none}
    logs: {level: warn}
  pipelines:
    logs: {receivers: [otlp], exporters: [file]}
`;

/** Starts it and waits until both ports answer. `append` keeps what an earlier one wrote. */
export const startCollector = async (binary: string, place: CollectorPlace, { append = false } = {}): Promise<Collector> => {
  const config = join(place.folder, 'collector.yaml');
  writeFileSync(config, configOf(place, append));
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

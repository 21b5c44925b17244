import type { RequestSignal } from '../../otlp/request.ts';
import { logsToJson, metricsToJson, tracesToJson } from '../../otlp/to-json.ts';
import type { Compressor } from '../shared/compress.ts';
import type { FileConfig } from './config.ts';

const withLength = (bytes: Buffer): readonly Buffer[] => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length, 0);
  return [length, bytes];
};

const toJson: Readonly<Record<RequestSignal, typeof logsToJson>> = { logs: logsToJson, metrics: metricsToJson, traces: tracesToJson };

/** A request as it stands in the file; the format of the Collector's file exporter, which has a line only where nothing is compressed. */
export const encodeMessage = async (
  request: Buffer,
  signal: RequestSignal,
  format: FileConfig['format'],
  compress?: Compressor,
): Promise<readonly Buffer[]> => {
  const line = format === 'json' && compress === undefined;
  const plain = format === 'json' ? toJson[signal](request, line ? '\n' : '') : request;
  if (line) return [plain];
  return withLength(compress === undefined ? plain : await compress(plain));
};

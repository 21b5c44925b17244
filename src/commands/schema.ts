import { configJsonSchema } from '../config/json-schema.ts';
import { exitCode, type ExitCode } from '../core/errors.ts';
import type { CommandContext } from './context.ts';

/** `ringtail schema`: a JSON Schema of configurations, for editors. */
export const schemaCommand = async (context: CommandContext): Promise<ExitCode> => {
  context.stdout.write(`${JSON.stringify(configJsonSchema(await context.registry()), null, 2)}\n`);
  return exitCode.done;
};

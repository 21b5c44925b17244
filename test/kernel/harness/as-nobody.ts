/** Run as a program: becomes an ordinary user and tells, as JSON on stdout, how a Ringtail starts then. Argument: options of a pipeline. */
import { startPipeline } from './pipeline.ts';

const NOBODY = 65_534;

process.setgroups!([]);
process.setgid!(NOBODY);
process.setuid!(NOBODY);
const answer = await (async () => {
  try {
    const pipeline = await startPipeline(JSON.parse(process.argv[2]!));
    const { rung, notes } = pipeline.kernel.status();
    await pipeline.stop();
    return { rung, notes, warnings: pipeline.log.filter(({ level }) => level === 'warn') };
  } catch (error) {
    const { message, advice, exitCode } = error as Error & { advice?: string; exitCode?: number };
    return { message, advice, exitCode };
  }
})();
process.stdout.write(JSON.stringify(answer));

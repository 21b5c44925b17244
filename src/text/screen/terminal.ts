/** The terminal as a whole screen, given back on every way out. */
import { enterScreen, leaveScreen } from './codes.ts';
import { drawFrame, type Frame, type Shown, type Size } from './frame.ts';
import { createKeyDecoder, ESCAPE_MS, type Key } from './keys.ts';

/** What is used of the process and its two ends; tests stand in for it. */
export type TerminalHost = {
  readonly input: Pick<NodeJS.ReadStream, 'on' | 'off' | 'setRawMode' | 'resume' | 'pause'>;
  readonly output: Pick<NodeJS.WriteStream, 'on' | 'off' | 'columns' | 'rows'> & { write(text: string): unknown };
  readonly process: Pick<NodeJS.Process, 'on' | 'off' | 'prependListener' | 'kill' | 'pid'>;
};

export type ScreenOptions = {
  readonly colour: boolean;
  onKey(key: Key): void;
  /** Also when the terminal is ours again: everything is to be drawn. */
  onResize(): void;
  /** The terminal is gone. */
  onGone(): void;
};

export type Screen = {
  size(): Size;
  /** One write, or none when nothing changed. */
  draw(frame: Frame): void;
  /** Draws all of it the next time, whatever the screen shows. */
  forget(): void;
  /** As control-Z does elsewhere: stops us and all that was started with us, until somebody continues it. */
  suspend(): void;
  close(): void;
};

/** Of terminals that do not tell. */
const USUAL: Size = { columns: 80, rows: 24 };

/** Whoever still runs so long after a signal to stop was not stopped. */
const STOPS_WITHIN_MS = 20;

/** Takes the terminal at once. What ends the process without a chance to run, as SIGKILL does, leaves it as it is. */
export const openScreen = ({ input, output, process }: TerminalHost, options: ScreenOptions): Screen => {
  const decoder = createKeyDecoder();
  let shown: Shown | undefined;
  let isOurs = false;
  let escapeTimer: NodeJS.Timeout | undefined;
  let stopTimer: NodeJS.Timeout | undefined;

  const size = (): Size => ({ columns: output.columns || USUAL.columns, rows: output.rows || USUAL.rows });
  const take = (): void => {
    // after a stop from outside the shell has set the terminal, and raw mode is still what the stream believes in
    if (isOurs) input.setRawMode(false);
    input.setRawMode(true);
    output.write(enterScreen);
    isOurs = true;
    shown = undefined;
  };
  const giveBack = (): void => {
    if (!isOurs) return;
    isOurs = false;
    output.write(leaveScreen);
    try {
      input.setRawMode(false);
    } catch {
      // it went away
    }
  };
  const send = (keys: readonly Key[]): void => keys.forEach(options.onKey);
  const onData = (bytes: Buffer): void => {
    clearTimeout(escapeTimer);
    send(decoder.push(bytes));
    if (decoder.isPending()) escapeTimer = setTimeout(() => send(decoder.flush()), ESCAPE_MS);
  };
  const onStop = (): void => {
    giveBack();
    // as if we did not listen: it stops us, but where nobody could continue us
    process.off('SIGTSTP', onStop);
    process.kill(process.pid, 'SIGTSTP');
    stopTimer = setTimeout(onContinue, STOPS_WITHIN_MS);
  };
  const onContinue = (): void => {
    clearTimeout(stopTimer);
    process.off('SIGTSTP', onStop).on('SIGTSTP', onStop);
    take();
    options.onResize();
  };
  const onResize = (): void => {
    shown = undefined;
    options.onResize();
  };
  const onGone = (): void => options.onGone();

  take();
  input.on('data', onData).on('end', onGone).on('error', onGone);
  input.resume();
  output.on('resize', onResize);
  // what is said about the fault belongs on the shell's screen
  const faults = ['exit', 'uncaughtException', 'unhandledRejection'] as const;
  for (const name of faults) process.prependListener(name as 'exit', giveBack);
  process.on('SIGTSTP', onStop).on('SIGCONT', onContinue);

  return {
    size,
    draw(frame) {
      if (!isOurs) return;
      const drawn = drawFrame(frame, size(), { before: shown, colour: options.colour });
      shown = drawn.shown;
      if (drawn.bytes !== '') output.write(drawn.bytes);
    },
    forget: () => (shown = undefined),
    suspend: () => void process.kill(0, 'SIGTSTP'),
    close() {
      clearTimeout(escapeTimer);
      clearTimeout(stopTimer);
      process.off('SIGTSTP', onStop).off('SIGCONT', onContinue);
      for (const name of faults) process.off(name, giveBack);
      output.off('resize', onResize);
      input.off('data', onData).off('end', onGone).off('error', onGone);
      giveBack();
      input.pause();
    },
  };
};

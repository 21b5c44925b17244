/** What Ringtail does itself and takes time, for its own traces. */
export type OwnAttributes = Readonly<Record<string, string | number | boolean>>;

export type OwnSpan = {
  /** Begins one below it. */
  begin(name: string, attributes?: OwnAttributes): OwnSpan;
  set(attributes: OwnAttributes): void;
  /** Ends it; with a message it failed. */
  end(failure?: string): void;
};

export type OwnTracer = { begin(name: string, attributes?: OwnAttributes): OwnSpan };

const nothing: OwnSpan = { begin: () => nothing, set() {}, end() {} };

/** Nobody asks. */
export const noTracer: OwnTracer = nothing;

/** The span around a piece of work, which fails with it. */
export const within = async <T>(span: OwnSpan, work: () => Promise<T>): Promise<T> => {
  try {
    const result = await work();
    span.end();
    return result;
  } catch (error) {
    span.end(error instanceof Error ? error.message : String(error));
    throw error;
  }
};

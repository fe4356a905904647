/** Anything that runs until it is told to stop. */
export interface Service {
  /** Resolves when it runs. Rejects when it can't; then nothing is left running. */
  start(): Promise<void>
  /**
   * Idempotent. Resolves when nothing runs any more. What still runs `deadlineMs` after the first call is cut off;
   * letting go of servers that do not answer can take a few seconds more.
   */
  stop(deadlineMs: number): Promise<void>
}

/** What a component says to whoever operates it; `fields` are shown beside the message. A pino logger fits. */
export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

const silent = () => {}
/** The default of the library: whoever wants lines passes a log. */
export const noLog: Log = { debug: silent, info: silent, warn: silent, error: silent }

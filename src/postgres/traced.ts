import type { Tracing } from '../core/tracing.ts'

/** Runs what PostgreSQL is asked in a span, where there is tracing. */
export const traced = <T>(
  tracing: Tracing | undefined,
  operation: string,
  table: string,
  run: () => Promise<T>,
): Promise<T> => (tracing ? tracing.query(operation, table, run) : run())

import type { SinkReport } from './run.ts'

/** A line for each sink, and one for each promise that was broken. */
export function sinkLines({ sink, events, seconds, kills, repeats, violations }: SinkReport): string {
  const what = `${sink.padEnd(10)} ${events} events in ${seconds.toFixed(0)} s, ${kills} kills, ${repeats} repeats`
  return [what, ...violations.map((violation) => `  BROKEN: ${violation}`)].join('\n')
}

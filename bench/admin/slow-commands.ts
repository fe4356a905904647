import type { RawClient } from '../raw.ts'

/** As long as nothing may hold up Redis, in ms. */
export const LONGEST_MS = 5

/** What held up Redis for too long. */
export interface SlowCommands {
  /** How many commands there were in all runs, those of scripts included. */
  calls: number
  /**
   * Those that were slow. A busy machine makes some so now and then, whatever they are; what is slow by itself is slow
   * each time that it is sent with the same keys.
   */
  slow: { command: string; times: number; worstMs: number; inEachRun: boolean }[]
}

type Row = [id: number, at: number, micros: number, words: string[]]

/** Does the work a few times, and answers what held up Redis meanwhile, the worst first. */
export async function slowCommands(
  client: RawClient,
  runs: readonly (() => Promise<void>)[],
): Promise<SlowCommands> {
  const settings = ['slowlog-log-slower-than', String(LONGEST_MS * 1_000), 'slowlog-max-len', '10000']
  await client.sendCommand(['CONFIG', 'SET', ...settings])
  const before = await callsOf(client)
  const found = new Map<string, { times: number; worstMs: number; runs: Set<number> }>()
  for (const [index, run] of runs.entries()) {
    await client.sendCommand(['SLOWLOG', 'RESET'])
    await run()
    for (const [, , micros, words] of await client.sendCommand<Row[]>(['SLOWLOG', 'GET', '-1'])) {
      const command = nameOf(words)
      const one = found.get(command) ?? { times: 0, worstMs: 0, runs: new Set() }
      found.set(command, one)
      one.times++
      one.worstMs = Math.max(one.worstMs, micros / 1_000)
      one.runs.add(index)
    }
  }
  const slow = [...found].map(([command, { times, worstMs, runs: slowIn }]) => ({
    command,
    times,
    worstMs,
    inEachRun: slowIn.size === runs.length,
  }))
  return {
    calls: (await callsOf(client)) - before,
    slow: slow.toSorted((a, b) => b.worstMs - a.worstMs),
  }
}

async function callsOf(client: RawClient): Promise<number> {
  const info = await client.sendCommand<string>(['INFO', 'stats'])
  return Number(/total_commands_processed:(\d+)/.exec(info)![1])
}

const nameOf = (words: readonly string[]): string =>
  words
    .slice(0, 5)
    .map((word) => (word.length > 24 ? `${word.slice(0, 12)}…` : word))
    .join(' ')

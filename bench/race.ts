import { createClient } from '@redis/client'
import { ContenderProcess } from './contender-process.ts'
import type { Effort, Servers } from './contender.ts'

export interface Entrant {
  name: string
  module: URL
  /** Events per round: enough for each to run for about half a second. */
  count: number
}

/** What a contender did: medians of its rounds, and the most that its memory grew by in any. */
export interface Speed {
  perSecond: number
  /** Processor time of its process for one event. Other work of the machine moves this less than the speed. */
  cpuMicros: number
  growthMb: number
}

/**
 * Lets contenders run in turn, and answers what each did. The order changes with each round, so that
 * whatever else the machine does falls on all of them; the first round warms up and does not count.
 */
export async function race(
  scenario: string,
  entrants: readonly Entrant[],
  servers: Servers,
  rounds: number,
): Promise<Record<string, Speed>> {
  const redis = await createClient({ url: servers.redis }).connect()
  const efforts: Record<string, Effort[]> = {}
  const processes: ContenderProcess[] = []
  try {
    for (const { module } of entrants) processes.push(await ContenderProcess.start(module, servers))
    for (let round = 0; round <= rounds; round++) {
      for (let turn = 0; turn < entrants.length; turn++) {
        const index = (round + turn) % entrants.length
        const { name, count } = entrants[index]!
        const effort = await processes[index]!.run({ name: `${scenario}-${name}-${round}`, count })
        if (round > 0) (efforts[name] ??= []).push(effort)
        // Not in the background, where it would compete with the next contender.
        await redis.flushAll('SYNC')
      }
    }
  } finally {
    await Promise.all(processes.map((process) => process.stop()))
    redis.destroy()
  }
  return Object.fromEntries(entrants.map(({ name, count }) => [name, speedOf(efforts[name]!, count)]))
}

const speedOf = (efforts: readonly Effort[], count: number): Speed => ({
  perSecond: count / median(efforts.map(({ seconds }) => seconds)),
  cpuMicros: (median(efforts.map(({ cpuSeconds }) => cpuSeconds)) / count) * 1e6,
  growthMb: Math.max(...efforts.map(({ growthMb }) => growthMb)),
})

/** One slow round, while the machine did something else, does not move it. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

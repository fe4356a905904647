import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createClient } from '@redis/client'
import type { Servers } from '../contender.ts'
import { median } from '../race.ts'
import type { Measured, Task } from './end.ts'

const WAYS = ['millrace', 'raw', 'polling'] as const
type Way = (typeof WAYS)[number]

/** Medians of the rounds: one request after the other, and many at once. */
export type RpcSpeed = Record<'alone' | 'together', Record<Way, Measured>>

export const TOGETHER = 100
/** Polling takes 100 ms for each, whoever asks. */
const COUNTS: Record<Way, (scale: number) => { alone: number; together: number }> = {
  millrace: (scale) => ({ alone: 3_000 * scale, together: 20_000 * scale }),
  raw: (scale) => ({ alone: 3_000 * scale, together: 20_000 * scale }),
  polling: () => ({ alone: 10, together: 1_000 }),
}

/** Each way in a process of its own, in turn. @param scale 1 for a run that counts, less for a quick look */
export async function measureRpc({ redis: url }: Servers, rounds: number, scale: number): Promise<RpcSpeed> {
  const redis = await createClient({ url }).connect()
  const processes = await Promise.all(WAYS.map((way) => start(way, url)))
  const measured: Record<keyof RpcSpeed, Record<Way, Measured[]>> = { alone: none(), together: none() }
  try {
    for (let round = 0; round <= rounds; round++) {
      for (let turn = 0; turn < WAYS.length; turn++) {
        const index = (round + turn) % WAYS.length
        const way = WAYS[index]!
        for (const [kind, inFlight] of [
          ['alone', 1],
          ['together', TOGETHER],
        ] as const) {
          const count = COUNTS[way](scale)[kind]
          const result = await run(processes[index]!, {
            stream: `rpc-${way}-${kind}-${round}`,
            inFlight,
            count,
          })
          // The first round warms up.
          if (round > 0) measured[kind][way].push(result)
          await redis.flushAll('SYNC')
        }
      }
    }
  } finally {
    for (const process of processes) process.disconnect()
    redis.destroy()
  }
  return { alone: middle(measured.alone), together: middle(measured.together) }
}

async function start(way: Way, url: string): Promise<ChildProcess> {
  const process = fork(fileURLToPath(new URL('child.ts', import.meta.url)), [way, url])
  await once(process, 'message')
  return process
}

async function run(process: ChildProcess, task: Task): Promise<Measured> {
  process.send(task)
  const waiting = new AbortController()
  const { signal } = waiting
  const died = once(process, 'exit', { signal }).then(() => {
    throw new Error('the process of a way died; its error is above')
  })
  try {
    const [measured] = (await Promise.race([once(process, 'message', { signal }), died])) as [Measured]
    return measured
  } finally {
    died.catch(() => {})
    waiting.abort()
  }
}

const none = (): Record<Way, Measured[]> => ({ millrace: [], raw: [], polling: [] })

const middle = (rounds: Record<Way, Measured[]>): Record<Way, Measured> => ({
  millrace: middleOf(rounds.millrace),
  raw: middleOf(rounds.raw),
  polling: middleOf(rounds.polling),
})

const middleOf = (rounds: readonly Measured[]): Measured => ({
  perSecond: median(rounds.map(({ perSecond }) => perSecond)),
  p50: median(rounds.map(({ p50 }) => p50)),
})

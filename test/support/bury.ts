import { randomUUID } from 'node:crypto'
import type { RedisStreamLog } from '../../src/redis/redis-log.ts'
import { until } from './until.ts'

export interface Burial {
  stream: string
  group?: string
  error?: string
  /** The data of each event. */
  data: readonly unknown[]
  /** More fields for each entry. */
  fields?: readonly string[]
}

/** Publishes events and gives them up, as a worker does that can't handle them. Answers the ids of the letters. */
export async function bury(
  log: RedisStreamLog,
  { stream, group = 'mailer', error = 'SMTP_DOWN', data, fields = [] }: Burial,
): Promise<string[]> {
  const consumer = await log.join({ stream, group, consumer: randomUUID(), start: '$' })
  const entries = data.map((one) => ({
    fields: ['type', 'user.created', 'data', JSON.stringify(one), ...fields],
  }))
  const positions = (await log.append(stream, entries)) as string[]
  const settlements = positions.map((position) => ({
    kind: 'dead-letter' as const,
    position,
    attempts: 5,
    letter: { error, reason: `because of ${error}` },
  }))
  let claimed = 0
  await until('the claims', async () => {
    claimed += (await consumer.claim(positions.length - claimed, 50, new AbortController().signal)).length
    return claimed === positions.length
  })
  await consumer.settle(settlements)
  await consumer.leave()
  const { letters } = await log.operations.deadLetters.list(stream, { group }, { limit: 500 })
  const ids = new Map(letters.map(({ id, position }) => [position, id]))
  return positions.map((position) => ids.get(position)!)
}

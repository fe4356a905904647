import type { StreamLog } from '../core/stream-log.ts'
import { FIRST_POSITION } from '../core/position.ts'
import { stream } from '../core/stream.ts'
import type { Database } from './database.ts'
import type { Outbox } from './outbox.ts'
import { queryOnce } from './test-database.ts'
import { runTransaction } from './run-transaction.ts'

/** A schema that takes whole numbers. */
const wholeNumber = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value: unknown) =>
      Number.isInteger(value) ? { value: value as number } : { issues: [{ message: 'no whole number' }] },
    types: undefined as { input: number; output: number } | undefined,
  },
} as const

export const numbers = (name = 'numbers') => stream(name, { number: wholeNumber })
export type Numbers = ReturnType<typeof numbers>

export interface NumberEvent {
  data: number
  key?: string | undefined
  id?: string | undefined
}

/** Adds events in a transaction of their own. */
export const addNumbers = (
  database: Database,
  outbox: Outbox,
  target: Numbers,
  events: readonly NumberEvent[],
): Promise<string[]> =>
  runTransaction(database, (tx) =>
    outbox.add(
      tx,
      target,
      events.map((event) => ({ type: 'number', ...event })),
    ),
  )

export const outboxRows = (url: string) =>
  queryOnce<{ id: string; event_id: string; key: string | null; attempts: number; failed_at: Date | null }>(
    url,
    'SELECT * FROM millrace_outbox ORDER BY id',
  )

export interface Published {
  id: string
  key: string | undefined
  data: number
  position: string
}

/** What stands in a stream, in its order. */
export async function publishedIn(log: StreamLog, name: string): Promise<Published[]> {
  const all: Published[] = []
  for (let after = FIRST_POSITION; ; after = all.at(-1)!.position) {
    const entries = await log.read(name, after, 1_000).catch(() => [])
    for (const { position, fields } of entries) {
      const field = (wanted: string) =>
        fields[fields.findIndex((name, index) => index % 2 === 0 && name === wanted) + 1]
      const key = fields.includes('partitionkey') ? field('partitionkey') : undefined
      all.push({ id: field('id')!, key, data: Number(field('data')), position })
    }
    if (entries.length < 1_000) return all
  }
}

/** The numbers of each key in the order of a stream. */
export function byKey(published: readonly Published[]): Map<string | undefined, number[]> {
  const keys = new Map<string | undefined, number[]>()
  for (const { key, data } of published) keys.set(key, [...(keys.get(key) ?? []), data])
  return keys
}

import { MillraceError } from '../core/errors.ts'
import type { RepeatableRequest, Seal } from '../core/request-memory.ts'
import type { Transaction } from './transaction.ts'

/**
 * Runs the work of a transaction if it was never committed for this request, and answers what it answered, as JSON keeps
 * it: its row commits with whatever the work does. Of two at the same time the second waits for the end of the first.
 *
 * @throws MillraceError `IDEMPOTENCY_CONFLICT` where the key was used for another request; whatever the work throws
 */
export async function oncePerRequest<T>(
  tx: Pick<Transaction, 'query'>,
  { key, digest }: RepeatableRequest,
  seal: Seal,
  work: () => Promise<T>,
): Promise<T> {
  const insert = 'INSERT INTO millrace_requests (key, digest) VALUES ($1, $2) ON CONFLICT DO NOTHING'
  if ((await tx.query(insert, [key, digest])).rowCount === 1) {
    const result = toJson(await work())
    const kept = result === undefined ? null : await seal.close(result, key)
    await tx.query('UPDATE millrace_requests SET result = $2 WHERE key = $1', [key, kept])
    return fromJson(result)
  }
  const select = 'SELECT digest, result FROM millrace_requests WHERE key = $1'
  const [row] = (await tx.query<{ digest: string; result: string | null }>(select, [key])).rows
  if (row?.digest === digest)
    return fromJson(row.result === null ? undefined : await seal.open(row.result, key))
  const message = 'the Idempotency-Key was used for another request; use a new key for a new one'
  throw new MillraceError('IDEMPOTENCY_CONFLICT', message)
}

/** A value as it comes out of JSON again. */
export const throughJson = <T>(value: T): T => fromJson(toJson(value))

/** Of `undefined` and functions there is no text. */
const toJson = (value: unknown) => JSON.stringify(value) as string | undefined
const fromJson = <T>(text: string | undefined): T =>
  (text === undefined ? undefined : JSON.parse(text)) as unknown as T

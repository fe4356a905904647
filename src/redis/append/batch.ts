import { hash } from 'node:crypto'
import { contentOf } from '../../core/entry-content.ts'
import { MillraceError } from '../../core/errors.ts'
import { appendOnceScript, appendScript } from './append-scripts.ts'
import type { Durability } from '../../core/stream-log.ts'
import type { Sender } from '../connection.ts'
import { idempotencyKey } from '../keys.ts'

/** Longer batches hold up other clients: 250 entries of 100 KB took 53 ms. */
const MAX_BATCH_ENTRIES = 250
const MAX_BATCH_BYTES = 1_000_000
/** From here on an entry travels alone; copying it through Lua would only cost. */
const LARGE_ENTRY_BYTES = 64_000
/** Lua can't unpack more arguments than this with certainty. */
const MAX_SCRIPT_FIELDS = 1_000

/** An entry with the size of its fields. */
export interface Sized {
  readonly fields: readonly string[]
  readonly idempotencyKey: string | undefined
  readonly durability?: Durability | undefined
  readonly size: number
}

/** Cuts the next batch off the front of a queue, from `start`: what travels in one command. Never empty. */
export function nextBatch<E extends Sized>(queue: readonly E[], start: number): E[] {
  const batch: E[] = []
  let size = 0
  for (let index = start; index < queue.length && batch.length < MAX_BATCH_ENTRIES; index++) {
    const entry = queue[index]!
    if (batch.length > 0 && (isLarge(entry) || size + entry.size > MAX_BATCH_BYTES)) break
    if (!sameDurability(entry.durability, queue[start]!.durability)) break
    batch.push(entry)
    size += entry.size
    if (isLarge(entry)) break
  }
  return batch
}

const sameDurability = (a: Durability | undefined, b: Durability | undefined): boolean =>
  a === b || (a?.replicas === b?.replicas && a?.fsync === b?.fsync && a?.timeoutMs === b?.timeoutMs)

const isLarge = ({ fields, size }: Sized) => size >= LARGE_ENTRY_BYTES || fields.length > MAX_SCRIPT_FIELDS

export interface WriteOptions {
  /** How long idempotency keys are remembered. */
  readonly ttlMs: number
  /** Whether a key that is known is written anew, so that a WAIT behind it asks for it, whatever the server. */
  readonly rewrites?: boolean
  /** Whether batches of the same stream are sent before its reply: it must not come behind them. */
  readonly inCompany: boolean
}

/** Writes one batch with one command. Answers in the order of its entries. */
export async function writeBatch(
  sender: Sender,
  stream: string,
  entries: readonly Sized[],
  options: WriteOptions,
): Promise<(string | MillraceError)[]> {
  const [first] = entries
  if (entries.some((entry) => entry.idempotencyKey !== undefined)) {
    return writeOnce(sender, stream, entries, options)
  }
  // A script would only cost: more memory for what is large, and more time for what is not.
  if (entries.length === 1) return [await sender.send<string>(['XADD', stream, '*', ...first!.fields])]
  return appendScript.run(sender, [stream], runsOfOneShape(entries), options.inCompany)
}

/** Naming the fields once per run and not once per entry makes half as much again in throughput. */
function runsOfOneShape(entries: readonly Sized[]): string[] {
  const args: string[] = []
  for (let start = 0, end = 0; start < entries.length; start = end) {
    const shape = entries[start]!.fields
    end = start + 1
    while (end < entries.length && sameShape(shape, entries[end]!.fields)) end++
    args.push(String(shape.length / 2), String(end - start))
    for (let name = 0; name < shape.length; name += 2) args.push(shape[name]!)
    for (let index = start; index < end; index++) {
      const { fields } = entries[index]!
      for (let value = 1; value < fields.length; value += 2) args.push(fields[value]!)
    }
  }
  return args
}

function sameShape(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false
  for (let index = 0; index < a.length; index += 2) if (a[index] !== b[index]) return false
  return true
}

async function writeOnce(
  sender: Sender,
  stream: string,
  entries: readonly Sized[],
  { ttlMs, rewrites = false, inCompany }: WriteOptions,
) {
  const keys = [stream]
  const args = [String(ttlMs), rewrites ? '1' : '0']
  for (const { fields, idempotencyKey: key } of entries) {
    if (key === undefined) args.push('0', '')
    else args.push(String(keys.push(idempotencyKey(stream, key))), digestOf(fields))
    args.push(String(fields.length), ...fields)
  }
  const replies = await appendOnceScript.run(sender, keys, args, inCompany)
  return replies.map((reply, index) => (reply === '!' ? conflict(entries[index]!) : reply))
}

/**
 * Of what is written under an idempotency key. Lengths make it unambiguous where one part ends: `['ab', 'c']` is not
 * `['a', 'bc']`.
 *
 * @param before what else counts besides the fields
 */
export function digestOf(fields: readonly string[], before = ''): string {
  let text = before
  for (const part of contentOf(fields)) text += `${part.length}:${part}`
  // In one call, which takes half as long as one for each part.
  return hash('md5', text, 'base64url')
}

const conflict = (entry: Sized) =>
  new MillraceError(
    'IDEMPOTENCY_CONFLICT',
    `the idempotency key "${entry.idempotencyKey}" was used for another event; use a new key for new content`,
  )

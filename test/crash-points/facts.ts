import { deadLetterKey } from '../../src/redis/keys.ts'
import { readJournal, type Line } from './journal.ts'
import { groupsOf, streamsOf } from './plan.ts'
import { consumersOf, type Ask, type Send } from './progress.ts'

/** An entry as it stands in a stream. */
export interface Stored {
  readonly position: string
  readonly fields: ReadonlyMap<string, string>
  /** Of the event, where it can be read. */
  readonly name: string | undefined
}

/** What the servers and the journal say at one moment. */
export interface Facts {
  readonly lines: readonly Line[]
  readonly orders: readonly Stored[]
  readonly notices: readonly Stored[]
  readonly invoices: readonly Stored[]
  readonly crooked: readonly Stored[]
  readonly letters: readonly Stored[]
  /** What is pending in which group, with the count of its deliveries; `copy` in the inlet beside the stream. */
  readonly pending: readonly { group: string; name: string | undefined; count: number; copy: boolean }[]
  /** Consumers of ours that are still in a group. */
  readonly consumers: readonly string[]
  /** Keys of Redis that should be gone when nothing is left to do. */
  readonly leftovers: readonly string[]
  readonly effects: readonly { group: string; name: string }[]
  /** Rows that wait in the outbox, or were given up. */
  readonly outbox: number
  readonly audit: readonly { position: string; state: string }[]
}

export async function factsOf(run: string, journal: string, send: Send, ask: Ask): Promise<Facts> {
  const { orders, notices, invoices, crooked } = streamsOf(run)
  const read = (stream: string) => entriesOf(send, stream)
  const [outbox] = await ask<{ count: number }>('SELECT count(*)::int AS count FROM millrace_outbox')
  return {
    lines: readJournal(journal),
    orders: await read(orders.name),
    notices: await read(notices.name),
    invoices: await read(invoices.name),
    crooked: await read(crooked.name),
    letters: await read(deadLetterKey(orders.name)),
    ...(await groupFacts(run, send)),
    effects: await ask('SELECT "group", name FROM effects WHERE run = $1', [run]),
    outbox: outbox!.count,
    audit: await ask('SELECT position, state::text FROM millrace_audit WHERE stream = $1', [orders.name]),
  }
}

async function groupFacts(
  run: string,
  send: Send,
): Promise<Pick<Facts, 'pending' | 'consumers' | 'leftovers'>> {
  const pending: Facts['pending'][number][] = []
  const consumers: string[] = []
  const leftovers: string[] = []
  for (const { stream, group, inlet, retry, lease, heartbeats } of groupsOf(run)) {
    pending.push(
      ...(await pendingOf(send, stream, group, false)),
      ...(await pendingOf(send, inlet, group, true)),
    )
    const names = await consumersOf(send, stream, group).catch(() => [])
    consumers.push(...names.map((name) => `${group}/${name}`))
    for (const key of [inlet, retry, lease, heartbeats])
      if ((await send<number>('EXISTS', key)) === 1) leftovers.push(key)
  }
  return { pending, consumers, leftovers }
}

/** None where there is no such stream or group. */
async function pendingOf(
  send: Send,
  stream: string,
  group: string,
  copy: boolean,
): Promise<Facts['pending']> {
  type Row = [position: string, consumer: string, idleMs: number, count: number]
  const rows = await send<Row[]>('XPENDING', stream, group, '-', '+', '1000').catch(() => [])
  const names = new Map((await entriesOf(send, stream)).map(({ position, name }) => [position, name]))
  return rows.map(([position, , , count]) => ({ group, name: names.get(position), count, copy }))
}

/** None where the key holds no stream. */
async function entriesOf(send: Send, stream: string): Promise<Stored[]> {
  const rows = await send<[string, string[]][]>('XRANGE', stream, '-', '+').catch(() => [])
  return rows.map(([position, parts]) => {
    const fields = new Map(
      Array.from({ length: parts.length / 2 }, (_, n) => [parts[2 * n]!, parts[2 * n + 1]!]),
    )
    return { position, fields, name: nameIn(fields.get('data')) }
  })
}

function nameIn(data: string | undefined): string | undefined {
  try {
    return (JSON.parse(data ?? '') as { name?: string }).name
  } catch {
    return undefined
  }
}

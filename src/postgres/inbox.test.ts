import { Pool } from 'pg'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { useDatabase, usePostgres } from '../../test/support/use-postgres.ts'
import { useProxy } from '../../test/support/use-proxy.ts'
import type { Delivery } from '../core/delivery.ts'
import type { Entry } from '../core/stream-log.ts'
import { PostgresAuditTrail } from './audit-trail.ts'
import { Database } from './database.ts'
import { Inbox, type TransactionBatchHandler, type TransactionHandler } from './inbox.ts'
import { entryOf, factOf, inboxRows } from './test-audit.ts'
import { queryOnce } from './test-database.ts'
import { deliveryOf, gate } from './test-inbox.ts'
import type { Transaction } from './transaction.ts'

const server = usePostgres()
const proxy = useProxy(server)
const fresh = useDatabase(server)
let url: string
let database: Database
let proxied: string
let inbox: Inbox
beforeEach(async () => {
  ;({ url, database } = fresh)
  const through = new URL(url)
  through.port = String(proxy.port)
  proxied = through.href
  await database.query('CREATE TABLE effects (name text NOT NULL)')
  await database.query('CREATE TABLE once (name text PRIMARY KEY)')
  inbox = new Inbox(database)
})

const effects = async () =>
  (await queryOnce<{ name: string }>(url, 'SELECT name FROM effects ORDER BY name')).map(({ name }) => name)
const inboxPositions = async () => (await inboxRows(url)).map(({ position }) => position)
const addEffect = (tx: Transaction, name: string) => tx.query('INSERT INTO effects VALUES ($1)', [name])
const takeEffect: TransactionHandler = async ({ position }, tx) => void (await addEffect(tx, position))
const deliveries = (...positions: string[]) => positions.map((position) => deliveryOf(entryOf(position)))
const openTransactions = `SELECT pid FROM pg_stat_activity
  WHERE datname = current_database() AND state LIKE 'idle in transaction%'`
const waiting = `SELECT pid FROM pg_stat_activity
  WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%millrace_inbox%'`

describe('a handler with a transaction', () => {
  it('commits the effect and the fact that it was processed together, and once', async () => {
    const [delivery] = deliveries('1-0')
    const handler = vi.fn(takeEffect)
    await inbox.handler(handler)(delivery!)
    await inbox.handler(handler)(delivery!)
    expect(handler).toHaveBeenCalledTimes(1)
    expect([await effects(), await inboxPositions()]).toEqual([['1-0'], ['1-0']])
  })

  it('tells entries apart by content, group and stream, and takes binary and braces', async () => {
    const run = inbox.handler(takeEffect)
    const hostile: Entry = { position: '1-0', fields: ['type', '\0\ud800{x}', 'data', '1', '\0', '\0'] }
    const all: Delivery[] = [
      deliveryOf(entryOf('1-0')),
      deliveryOf(entryOf('1-0', 'other content')),
      deliveryOf(entryOf('1-0'), { group: 'a{b}c\0' }),
      deliveryOf(entryOf('1-0'), { stream: '}{' }),
      deliveryOf(entryOf('18446744073709551615-18446744073709551615')),
      deliveryOf(hostile),
      deliveryOf({ ...entryOf('1-0'), position: 'inlet/1-0' }),
    ]
    for (const delivery of [...all, ...all]) await run(delivery)
    expect(await effects()).toHaveLength(all.length)
  })

  it('rolls back what throws, with whatever it throws, and runs again', async () => {
    const [delivery] = deliveries('1-0')
    for (const thrown of [new Error('no'), undefined, 'text']) {
      const failing = inbox.handler(async (delivery, tx) => {
        await takeEffect(delivery, tx)
        throw thrown
      })
      await expect(failing(delivery!)).rejects.toBe(thrown)
    }
    expect([await effects(), await inboxPositions()]).toEqual([[], []])
    await inbox.handler(takeEffect)(delivery!)
    expect(await effects()).toEqual(['1-0'])
  })

  it('raises the errors of pg, and refuses to take a statement that failed for a success', async () => {
    const [delivery] = deliveries('1-0')
    const swallowing = inbox.handler(async (delivery, tx) => {
      await takeEffect(delivery, tx)
      await tx.query("INSERT INTO once VALUES ('a')")
      await tx.query("INSERT INTO once VALUES ('a')").catch(() => {})
    })
    await expect(swallowing(delivery!)).rejects.toMatchObject({
      code: 'TRANSACTION_ROLLED_BACK',
      cause: { code: '23505' },
    })
    expect([await effects(), await inboxPositions()]).toEqual([[], []])
    const branching = inbox.handler(async (delivery, tx) => {
      await tx.query('SAVEPOINT here')
      await tx.query('INSERT INTO once VALUES (NULL)').catch(() => tx.query('ROLLBACK TO here'))
      await takeEffect(delivery, tx)
    })
    await branching(delivery!)
    expect([await effects(), await inboxPositions()]).toEqual([['1-0'], ['1-0']])
  })

  it('refuses a transaction that is over, and its client, also by hand', async () => {
    let kept!: Transaction
    await inbox.handler(async (_, tx) => void (kept = tx))(deliveries('1-0')[0]!)
    await expect(addEffect(kept, 'late')).rejects.toMatchObject({ code: 'TRANSACTION_ENDED' })
    expect(() => kept.client.query("INSERT INTO effects VALUES ('late')")).toThrow(/transaction is over/)
    const committing = inbox.handler(async (_, tx) => void (await tx.query('COMMIT')))
    await expect(committing(deliveries('2-0')[0]!)).rejects.toMatchObject({ code: 'TRANSACTION_ENDED' })
    expect(await effects()).toEqual([])
  })

  it('lends its client to other libraries, which may believe that they release it', async () => {
    await inbox.handler(async (_, { client }) => {
      await client.query({ text: 'INSERT INTO effects VALUES ($1)', values: ['by client'] })
      client.release()
      await client.end()
      await client.query("INSERT INTO effects VALUES ('after release')")
    })(deliveries('1-0')[0]!)
    expect(await effects()).toEqual(['after release', 'by client'])
  })

  it('knows what the audit trail wrote, and the audit trail what it wrote', async () => {
    const trail = new PostgresAuditTrail(database)
    const [told, handled] = [entryOf('1-0'), entryOf('2-0')]
    await trail.record([factOf(told)])
    const run = inbox.handler(takeEffect)
    for (const entry of [told, handled]) await run(deliveryOf(entry))
    expect(await effects()).toEqual(['2-0'])
    expect(await trail.processedBefore('things', 'main', [told, handled])).toEqual(new Set(['1-0', '2-0']))
    await trail.record([factOf(told), factOf(handled)])
    expect(await inboxPositions()).toEqual(['1-0', '2-0'])
  })

  it('can not produce: what it publishes goes through the outbox, which commits with it', async () => {
    const [delivery] = deliveries('1-0')
    const produce = vi.fn()
    const handler = inbox.handler((fresh) => fresh.produce('totals', ['type', 'total.grew', 'data', '1']))
    await expect(handler({ ...delivery!, produce })).rejects.toThrow(/can not produce: .* outbox/)
    expect(produce).not.toHaveBeenCalled()
    expect(await inboxPositions()).toEqual([])
  })

  it('works on a pool of the user, and says once that it is closed', async () => {
    const pool = new Pool({ connectionString: url, max: 2 })
    const own = new Inbox(pool)
    await own.handler(takeEffect)(deliveries('1-0')[0]!)
    await pool.end()
    await expect(own.handler(takeEffect)(deliveries('2-0')[0]!)).rejects.toThrow(/pool/)
    expect(await effects()).toEqual(['1-0'])
  })

  it('claims in a transaction that somebody else opened', async () => {
    const [first, second] = deliveries('1-0', '2-0')
    await inbox.handler(takeEffect)(second!)
    await database.session(async (query) => {
      await query('BEGIN')
      const client = {
        query: async (text: string, values?: unknown[]) => ({ rows: await query(text, values) }),
      }
      expect(await inbox.claim(client, [first!, second!])).toEqual([first])
      await query('ROLLBACK')
    })
    expect(await inboxPositions()).toEqual(['2-0'])
  })

  it('refuses numbers that make no sense', () => {
    expect(() => new Inbox(database, { maxTransactions: 0 })).toThrow(
      /maxTransactions: must be a whole number/,
    )
  })
})

describe('two consumers on one entry', () => {
  it('wait for each other: the second finds it done, and does not run', async () => {
    const [holding, started] = [gate(), gate()]
    const first = inbox.handler(async (delivery, tx) => {
      await takeEffect(delivery, tx)
      started.open()
      await holding.opened
    })
    const [delivery] = deliveries('1-0')
    const running = first(delivery!)
    await started.opened
    const second = vi.fn(takeEffect)
    const other = inbox.handler(second)(delivery!)
    await expect.poll(async () => (await queryOnce(url, waiting)).length).toBe(1)
    holding.open()
    await Promise.all([running, other])
    expect(second).not.toHaveBeenCalled()
    expect(await effects()).toEqual(['1-0'])
  })

  it('wait for each other: the second runs when the first rolls back', async () => {
    const [holding, started] = [gate(), gate()]
    const first = inbox.handler(async () => {
      started.open()
      await holding.opened
      throw new Error('no')
    })
    const [delivery] = deliveries('1-0')
    const running = Promise.resolve(first(delivery!)).catch((error: Error) => error.message)
    await started.opened
    const other = inbox.handler(takeEffect)(delivery!)
    await expect.poll(async () => (await queryOnce(url, waiting)).length).toBe(1)
    holding.open()
    expect(await running).toBe('no')
    await other
    expect(await effects()).toEqual(['1-0'])
  })

  it.each(['read committed', 'repeatable read', 'serializable'] as const)(
    'take each of many effects once, in both ways and at %s',
    async (isolation) => {
      const positions = Array.from({ length: 60 }, (_, n) => `${n + 100}-0`)
      const all = deliveries(...positions)
      const single = inbox.handler(takeEffect, { isolation })
      const batch = inbox.batchHandler(takeEffects, { isolation })
      const runs = [
        ...all.map((delivery) => single(delivery)),
        ...[0, 20, 40].map((from) => batch(all.slice(from, from + 20).toReversed())),
        ...all.toReversed().map((delivery) => single(delivery)),
        batch(all),
      ]
      await Promise.all(runs)
      expect(await effects()).toEqual(positions.toSorted())
    },
  )
})

const takeEffects: TransactionBatchHandler = async (batch, tx) => {
  for (const delivery of batch) await addEffect(tx, delivery.position)
}

describe('a batch', () => {
  it('is one transaction, for what was not processed before', async () => {
    const all = deliveries('1-0', '10-0', '2-0', '3-0')
    await inbox.handler(takeEffect)(all[2]!)
    const handler = vi.fn(takeEffects)
    await inbox.batchHandler(handler)(all)
    expect(handler.mock.calls.map(([batch]) => batch.map(({ position }) => position))).toEqual([
      ['1-0', '10-0', '3-0'],
    ])
    await inbox.batchHandler(handler)(all)
    expect(handler).toHaveBeenCalledTimes(1)
    expect(await effects()).toEqual(['1-0', '10-0', '2-0', '3-0'])
  })

  it('is rolled back as a whole, so that the worker can run it one by one', async () => {
    const run = inbox.batchHandler(async (batch, tx) => {
      await takeEffects(batch, tx)
      if (batch.some(({ position }) => position === '2-0')) throw new Error('poison')
    })
    const all = deliveries('1-0', '2-0', '3-0')
    await expect(run(all)).rejects.toThrow('poison')
    expect([await effects(), await inboxPositions()]).toEqual([[], []])
    await run([all[0]!])
    await expect(run([all[1]!])).rejects.toThrow('poison')
    await run([all[2]!])
    expect(await effects()).toEqual(['1-0', '3-0'])
  })

  it('is rolled back when one of its entries went to another consumer', async () => {
    const lost = new AbortController()
    const all = [deliveryOf(entryOf('1-0')), deliveryOf(entryOf('2-0'), { signal: lost.signal })]
    const run = inbox.batchHandler(async (batch, tx) => {
      await takeEffects(batch, tx)
      lost.abort(new Error('lost'))
    })
    await expect(run(all)).rejects.toThrow('lost')
    expect([await effects(), await inboxPositions()]).toEqual([[], []])
  })
})

describe('the signal of a delivery', () => {
  it('ends the transaction at once, whatever the handler is doing, and frees what it held', async () => {
    const controller = new AbortController()
    const started = gate()
    const delivery = deliveryOf(entryOf('1-0'), { signal: controller.signal })
    const running = inbox.handler(async (delivery, tx) => {
      await takeEffect(delivery, tx)
      started.open()
      await new Promise(() => {})
    })(delivery)
    await started.opened
    controller.abort(new Error('the stop deadline is over'))
    await expect(running).rejects.toThrow('the stop deadline is over')
    await inbox.handler(takeEffect)(deliveryOf(entryOf('1-0')))
    expect(await effects()).toEqual(['1-0'])
    expect(await queryOnce(url, openTransactions)).toEqual([])
  })

  it('ends the waiting for a connection', async () => {
    const one = new Inbox(database, { maxTransactions: 1 })
    const [holding, started] = [gate(), gate()]
    const first = one.handler(async () => {
      started.open()
      await holding.opened
    })(deliveryOf(entryOf('1-0')))
    await started.opened
    const controller = new AbortController()
    const second = one.handler(takeEffect)(deliveryOf(entryOf('2-0'), { signal: controller.signal }))
    controller.abort(new Error('lost'))
    await expect(second).rejects.toThrow('lost')
    holding.open()
    await first
    await one.handler(takeEffect)(deliveryOf(entryOf('3-0')))
    expect(await effects()).toEqual(['3-0'])
  })
})

describe('conflicts of transactions', () => {
  it('are no failures of the handler: deadlocks', async () => {
    await database.query("INSERT INTO once VALUES ('a'), ('b')")
    const starts = vi.fn()
    const touch = (tx: Transaction, name: string) =>
      tx.query('UPDATE once SET name = name WHERE name = $1', [name])
    const both = [gate(), gate()]
    const crossing = (mine: number, names: [string, string]) =>
      inbox.handler(async (delivery, tx) => {
        starts()
        await touch(tx, names[0])
        both[mine]!.open()
        await both[1 - mine]!.opened
        await touch(tx, names[1])
        await takeEffect(delivery, tx)
      })
    const [one, two] = deliveries('1-0', '2-0')
    await Promise.all([crossing(0, ['a', 'b'])(one!), crossing(1, ['b', 'a'])(two!)])
    expect(starts).toHaveBeenCalledTimes(3)
    expect(await effects()).toEqual(['1-0', '2-0'])
  })

  it('are no failures of the handler: serialization, also when a library wraps the error', async () => {
    await database.query("INSERT INTO once VALUES ('a')")
    let starts = 0
    const handler = inbox.handler(
      async (delivery, tx) => {
        await tx.query('SELECT * FROM once')
        if (++starts === 1) await queryOnce(url, "UPDATE once SET name = 'b'")
        await tx.query("UPDATE once SET name = 'c'").catch((cause: unknown) => {
          throw new Error('the query of a library failed', { cause })
        })
        await takeEffect(delivery, tx)
      },
      { isolation: 'repeatable read' },
    )
    await handler(deliveries('1-0')[0]!)
    expect(starts).toBe(2)
    expect(await effects()).toEqual(['1-0'])
  })

  it('end after some tries', async () => {
    let starts = 0
    const conflict = Object.assign(new Error('could not serialize'), { code: '40001' })
    const handler = inbox.handler(() => {
      starts++
      throw conflict
    })
    await expect(handler(deliveries('1-0')[0]!)).rejects.toBe(conflict)
    expect(starts).toBe(4)
  })
})

describe('connections', () => {
  it('one is enough for many deliveries, and for the audit trail beside them', async () => {
    const small = new Database({ url, maxConnections: 1 })
    const trail = new PostgresAuditTrail(small)
    const run = new Inbox(small).handler(takeEffect)
    const entries = Array.from({ length: 100 }, (_, n) => entryOf(`${n + 100}-0`))
    await Promise.all(
      entries.map(async (entry) => {
        await run(deliveryOf(entry))
        await trail.record([factOf(entry)])
      }),
    )
    expect(await effects()).toHaveLength(100)
    await small.close()
  })

  it('a lost reply to COMMIT is no second effect', async () => {
    const through = new Database({ url: proxied, maxConnections: 1 })
    const dropped = proxy.dropNextReply((bytes) => bytes.includes('COMMIT'))
    let starts = 0
    await new Inbox(through).handler(async (delivery, tx) => {
      starts++
      await takeEffect(delivery, tx)
    })(deliveries('1-0')[0]!)
    await dropped
    expect(starts).toBe(1)
    expect(await effects()).toEqual(['1-0'])
    await through.close()
  })

  it('have a listener from their first moment, without which a break would end the process', async () => {
    const pool = new Pool({ connectionString: url })
    const own = new Inbox(pool)
    for (const source of [pool, database]) {
      const client = await source.connect()
      expect(client.listenerCount('error')).toBeGreaterThan(0)
      client.release()
    }
    await own.handler(takeEffect)(deliveries('1-0')[0]!)
    await pool.end()
  })

  it('one that breaks in the middle is replaced, and the handler started anew', async () => {
    const through = new Database({ url: proxied, maxConnections: 1 })
    let starts = 0
    await new Inbox(through).handler(async (delivery, tx) => {
      await takeEffect(delivery, tx)
      if (++starts === 1) proxy.cut()
      await tx.query('SELECT 1')
    })(deliveries('1-0')[0]!)
    expect(starts).toBe(2)
    expect(await effects()).toEqual(['1-0'])
    await through.close()
  })

  it('a restart of PostgreSQL under load spends no attempt and takes every effect once', async () => {
    const run = inbox.handler(takeEffect)
    const positions = Array.from({ length: 400 }, (_, n) => `${n + 1_000}-0`)
    const again = gate()
    const outcomes = positions.map(async (position, n) => {
      if (n > 100) await again.opened
      await run(deliveryOf(entryOf(position)))
      if (n === 50) {
        const restarted = server.restart()
        again.open()
        await restarted
      }
    })
    await Promise.all(outcomes)
    expect(await effects()).toEqual(positions)
  })
})

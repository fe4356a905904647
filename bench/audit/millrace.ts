import { Client } from 'pg'
import { countdown, fill } from '../consume/stream.ts'
import type { StartContender } from '../contender.ts'
import { connect, openPostgres, orderStream } from '../millrace.ts'
import { ORDER_TYPE } from '../payload.ts'
import { rawClient } from '../raw.ts'

/** A worker that has every entry written to the audit trail before it acknowledges it. */
const start: StartContender = async ({ redis, postgres }) => {
  const client = await rawClient(redis)
  const bus = await connect({ url: redis })
  const { audit: trail } = await openPostgres({ url: postgres! })
  const database = new Client({ connectionString: postgres })
  await database.connect()
  return {
    prepare: ({ name, count }) => fill(client, name, count),
    async run({ name, count }) {
      const all = countdown(count)
      const worker = await bus.consume(
        orderStream(name),
        { group: 'bench', concurrency: 200, audit: { trail } },
        { [ORDER_TYPE]: async ({ event }) => all.seen(event.data) },
      )
      await all.done
      // Resolves when all is written and acknowledged.
      await worker.stop(10_000)
    },
    async finish({ name, count }) {
      await checkRows(database, name, count)
      await database.query('TRUNCATE millrace_audit, millrace_inbox')
    },
  }
}

async function checkRows(database: Client, stream: string, wanted: number): Promise<void> {
  const { rows } = await database.query<{ processed: string }>(
    `SELECT count(*) AS processed FROM millrace_audit WHERE stream = $1 AND state = 'processed'`,
    [stream],
  )
  const processed = Number(rows[0]!.processed)
  if (processed !== wanted) throw new Error(`the audit trail has ${processed} rows for ${wanted} events`)
}

export default start

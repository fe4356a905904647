import { Client } from 'pg'
import type * as Sinks from '../../src/connectors/sinks/postgres.ts'
import { built } from '../built.ts'
import type { OpenTarget } from './target.ts'

const { postgresSink } = (await import(built('connectors/sinks/postgres.js'))) as typeof Sinks

const TABLE = 'bench_orders'
const COLUMNS =
  'id text, placed_at timestamptz, order_id text, customer_id text, amount numeric, city text, items jsonb'
const INSERT = `INSERT INTO ${TABLE} SELECT * FROM jsonb_to_recordset($1) AS rows (${COLUMNS})`
/** The sink makes the ledger when it connects for the first time. */
const FORGET = `DO $$ BEGIN
  IF to_regclass('millrace_sink_ledger') IS NOT NULL THEN TRUNCATE millrace_sink_ledger; END IF;
END $$`

/** Rows of seven columns, on a disk that is waited for. By hand, nothing is remembered of what was written. */
export const postgres: OpenTarget = async ({ postgres: url }) => {
  const client = new Client({ connectionString: url })
  await client.connect()
  await client.query(`CREATE TABLE IF NOT EXISTS ${TABLE} (${COLUMNS})`)
  return {
    sink: () =>
      postgresSink({
        url: url!,
        table: TABLE,
        columns: {
          id: 'id',
          placed_at: 'data.placedAt',
          order_id: 'data.orderId',
          customer_id: 'data.customerId',
          amount: 'data.amount',
          city: 'data.shipTo.city',
          items: 'data.items',
        },
      }),
    async write(_, batch) {
      const rows = batch.map(({ id, data: { placedAt, orderId, customerId, amount, shipTo, items } }) => ({
        id,
        placed_at: placedAt,
        order_id: orderId,
        customer_id: customerId,
        amount,
        city: shipTo.city,
        items,
      }))
      await client.query(INSERT, [JSON.stringify(rows)])
    },
    async take() {
      const { rows } = await client.query<{ held: number }>(`SELECT count(*)::int AS held FROM ${TABLE}`)
      await client.query(`TRUNCATE ${TABLE}`)
      await client.query(FORGET)
      return rows[0]!.held
    },
  }
}

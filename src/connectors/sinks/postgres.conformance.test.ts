import { Pool } from 'pg'
import { describe, expect, test } from 'vitest'
import { SinkNetwork } from '../../../test/support/sink-network.ts'
import { startSinkProcess } from '../../../test/support/sink-process.ts'
import { useOnce } from '../../../test/support/use.ts'
import { usePostgres } from '../../../test/support/use-postgres.ts'
import { useLog, useRedisServer } from '../../../test/support/use-redis.ts'
import type { Sink } from '../../core/sink.ts'
import { keepListening } from '../../postgres/transaction.ts'
import { startFaultProxy, type FaultProxy } from '../../testing/fault-proxy.ts'
import { sinkConformance } from '../../testing/sink-conformance.ts'
import type { SinkLab, SinkProcessTarget } from '../../testing/sink-conformance/lab.ts'
import { postgresSink, type PostgresSinkOptions } from './postgres.ts'

const redis = useRedisServer()
const log = useLog(redis)
const server = usePostgres()
/** Past everything that is tested, on one connection, which holds the locks. */
const admin = useOnce(
  async () => {
    const pool = new Pool({ connectionString: server.url, max: 1, idleTimeoutMillis: 0 })
    keepListening(pool)
    return pool
  },
  (pool) => pool.end(),
)

let tables = 0

/** A table of its own, behind a proxy. */
class PostgresLab implements SinkLab {
  readonly #proxy: FaultProxy
  readonly #network: SinkNetwork
  readonly #number = ++tables
  readonly #table = `events_${this.#number}`

  private constructor(proxy: FaultProxy) {
    this.#proxy = proxy
    this.#network = new SinkNetwork(proxy)
  }

  static async open(): Promise<PostgresLab> {
    const lab = new PostgresLab(await startFaultProxy({ port: server.port }))
    await lab.#makeTable()
    return lab
  }

  sink(): Sink {
    const url = new URL(server.url)
    url.port = String(this.#proxy.port)
    return postgresSink(this.#options(url.href))
  }

  async held(): Promise<readonly unknown[]> {
    const { rows } = await admin.query<{ data: unknown }>(`SELECT data FROM ${this.#table} ORDER BY place`)
    return rows.map(({ data }) => data)
  }

  async refuse(isRefused: (data: unknown) => boolean): Promise<void> {
    const numbers = Array.from({ length: 100 }, (_, number) => number)
    const refused = numbers.filter((number) => isRefused({ number }))
    await admin.query(
      `ALTER TABLE ${this.#table} ADD CHECK ((data->>'number')::int <> ALL ('{${refused.join()}}'))`,
    )
  }

  cut = (): Promise<void> => this.#network.cut()

  leave = (): (() => void) => this.#network.leave()

  /** Every insert waits for this lock. */
  async hang(): Promise<() => Promise<void>> {
    await admin.query('SELECT pg_advisory_lock($1)', [this.#number])
    return async () => void (await admin.query('SELECT pg_advisory_unlock($1)', [this.#number]))
  }

  startProcess(target: SinkProcessTarget): Promise<{ kill(): Promise<void> }> {
    return startSinkProcess(redis.url, { type: 'postgres', options: this.#options(server.url) }, target)
  }

  close(): Promise<void> {
    return this.#proxy.stop()
  }

  #options(url: string): PostgresSinkOptions {
    return { url, table: this.#table, columns: { data: 'data' } }
  }

  async #makeTable(): Promise<void> {
    await admin.query(`
      CREATE TABLE ${this.#table} (place bigint GENERATED ALWAYS AS IDENTITY, data jsonb);
      CREATE FUNCTION wait_${this.#number}() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_advisory_xact_lock_shared(${this.#number}); RETURN NULL; END';
      CREATE TRIGGER waits BEFORE INSERT ON ${this.#table} EXECUTE FUNCTION wait_${this.#number}()`)
  }
}

sinkConformance(
  {
    name: 'a table of PostgreSQL',
    open: () => PostgresLab.open(),
    openStreams: async () => ({ log, close: async () => {} }),
    without: {
      zeroCharacter: 'PostgreSQL has none: such an event is a dead letter',
      oversize: 'a row takes whatever an entry holds',
      throttle: 'PostgreSQL does not ask for less',
    },
  },
  { describe, test, expect },
)

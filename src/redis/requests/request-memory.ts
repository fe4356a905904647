import { randomUUID } from 'node:crypto'
import {
  REQUEST_LEASE_MS,
  type Begun,
  type RepeatableRequest,
  type RequestMemory,
} from '../../core/request-memory.ts'
import type { Connection } from '../connection.ts'
import { PatientConnection } from '../connections/patient.ts'
import { beginScript, endScript, renewScript, requestKey } from './request-scripts.ts'

/** As long as a stream knows what was published under an idempotency key. */
const KEEP_MS = 600_000

/** Requests and their answers, each in a hash of its own. What was sent and not answered is sent again: that does no harm. */
export class RedisRequestMemory implements RequestMemory {
  readonly #connection: PatientConnection

  constructor(connection: Connection, options: { offlineTimeoutMs?: number }) {
    this.#connection = new PatientConnection(connection, options.offlineTimeoutMs)
  }

  async begin({ key, digest }: RepeatableRequest, owner: string): Promise<Begun> {
    const args = [digest, randomUUID(), owner, String(REQUEST_LEASE_MS), String(KEEP_MS)]
    const [state, what = ''] = await this.#insist(key, (keys) =>
      beginScript.run(this.#connection, keys, args),
    )
    if (state === 'begun') return { state, requestId: what }
    if (state === 'answered') return { state, answer: what }
    return { state: state as 'running' | 'different' }
  }

  async renew(key: string, owner: string): Promise<void> {
    await renewScript.run(this.#connection, [requestKey(key)], [owner, String(REQUEST_LEASE_MS)])
  }

  async finish(key: string, owner: string, answer: string): Promise<void> {
    await this.#insist(key, (keys) => endScript.run(this.#connection, keys, [owner, String(KEEP_MS), answer]))
  }

  async release(key: string, owner: string): Promise<void> {
    await this.#insist(key, (keys) => endScript.run(this.#connection, keys, [owner, String(KEEP_MS)]))
  }

  #insist<T>(key: string, call: (keys: [string]) => Promise<T>): Promise<T> {
    const name = requestKey(key)
    return this.#connection.insist(name, () => call([name]))
  }
}

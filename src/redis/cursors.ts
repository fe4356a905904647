import type { Cursors } from '../core/source.ts'
import type { Connection } from './connection.ts'
import { cursorsKey } from './keys.ts'

/** The cursors of the sources of a service, a field of one hash each. */
export class RedisCursors implements Cursors {
  readonly #connection: Connection
  readonly #key: string

  /** @param service by its name: services that share a Redis have pipelines, and so cursors, of their own */
  constructor(connection: Connection, service: string) {
    this.#connection = connection
    this.#key = cursorsKey(service)
  }

  async load(pipeline: string): Promise<string | undefined> {
    const cursor = await this.#connection.send<string | null>(['HGET', this.#key, pipeline])
    return cursor ?? undefined
  }

  async save(pipeline: string, cursor: string): Promise<void> {
    await this.#connection.send(['HSET', this.#key, pipeline, cursor])
  }
}

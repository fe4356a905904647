import type * as Sinks from '../../src/connectors/sinks/stream.ts'
import { built } from '../built.ts'
import { rawAppend, rawClient } from '../raw.ts'
import type { OpenTarget } from './target.ts'

const { streamSink } = (await import(built('connectors/sinks/stream.js'))) as typeof Sinks

/** Another stream of the same Redis. By hand, neither identities nor idempotency keys. */
export const stream: OpenTarget = async ({ redis }) => {
  const client = await rawClient(redis)
  return {
    sink: ({ name }) => streamSink({ stream: `${name}:copy` }),
    write: ({ name }, batch) =>
      rawAppend(
        client,
        `${name}:copy`,
        batch.map(({ data }) => data),
      ),
    take: ({ name }) => client.xLen(`${name}:copy`),
  }
}

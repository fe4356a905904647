import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import type { StartContender } from '../contender.ts'
import { bareRead, fillEntries } from '../entries.ts'
import { rawClient, type RawClient } from '../raw.ts'
import { Files } from './files.ts'

/** Pages of a stream as lines of JSON, compressed as quickly as may be; entries alone, without a checksum. */
const start: StartContender = async ({ redis }) => {
  const client = await rawClient(redis)
  const files = new Files()
  return {
    prepare: (round) => fillEntries(client, round),
    run: (round) =>
      pipeline(
        Readable.from(lines(client, round.name)),
        createGzip({ level: 1 }),
        createWriteStream(files.of(round)),
      ),
    finish: (round) => files.done(round),
  }
}

async function* lines(client: RawClient, stream: string): AsyncGenerator<string> {
  for await (const page of bareRead(client, stream))
    yield page.map((row) => `${JSON.stringify(row)}\n`).join('')
}

export default start

import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { createGunzip } from 'node:zlib'
import type { StartContender } from '../contender.ts'
import type { Row } from '../entries.ts'
import { rawClient } from '../raw.ts'
import { Source } from './source.ts'

const PIPELINED = 500

/** Lines of JSON, and an XADD for each, many of them under way. */
const start: StartContender = async (servers) => {
  const client = await rawClient(servers.redis)
  const source = new Source('raw', servers)
  return {
    prepare: (round) => source.make(round),
    async run({ name, count }) {
      let done = 0
      let calls: Promise<unknown>[] = []
      for await (const line of createInterface({
        input: createReadStream(source.file).pipe(createGunzip()),
      })) {
        const [id, fields] = JSON.parse(line) as Row
        calls.push(client.sendCommand(['XADD', name, id, ...fields]))
        if (calls.length < PIPELINED) continue
        done += (await Promise.all(calls)).length
        calls = []
      }
      done += (await Promise.all(calls)).length
      if (done !== count) throw new Error(`${done} entries came back of ${count}`)
    },
  }
}

export default start

import type { StartContender } from '../contender.ts'
import { bareRead, fillEntries } from '../entries.ts'
import { rawClient } from '../raw.ts'

/** Reads a page, and adds each entry to another stream, all those of the page under way at once. */
const start: StartContender = async ({ redis }) => {
  const client = await rawClient(redis)
  return {
    prepare: (round) => fillEntries(client, round),
    async run({ name }) {
      for await (const page of bareRead(client, name))
        await Promise.all(
          page.map(([, fields]) => client.sendCommand(['XADD', `${name}:copy`, '*', ...fields])),
        )
    },
  }
}

export default start

import type { StartContender } from '../contender.ts'
import { fillEntries } from '../entries.ts'
import { openJobs } from '../jobs.ts'
import { rawClient } from '../raw.ts'

/** The job `replay` without a rate, into one group: each copy says of which entry it is one, and is made once. */
const start: StartContender = async ({ redis }) => {
  const client = await rawClient(redis)
  const runJob = await openJobs(redis)
  return {
    async prepare(round) {
      await fillEntries(client, round)
      await client.xGroupCreate(round.name, 'bench', '$')
    },
    run: ({ name, count }) => runJob('replay', { stream: name, group: 'bench' }, count),
  }
}

export default start

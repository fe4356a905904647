import type { StartContender } from '../contender.ts'
import { fillEntries } from '../entries.ts'
import { openJobs } from '../jobs.ts'
import { rawClient } from '../raw.ts'
import { Files } from './files.ts'

/** The job `backup`: frames with checksums, from a stream that may change meanwhile. */
const start: StartContender = async ({ redis }) => {
  const client = await rawClient(redis)
  const runJob = await openJobs(redis)
  const files = new Files()
  return {
    prepare: (round) => fillEntries(client, round),
    run: (round) => runJob('backup', { path: files.of(round), streams: [round.name] }, round.count),
    finish: (round) => files.done(round),
  }
}

export default start

import type { StartContender } from '../contender.ts'
import { openJobs } from '../jobs.ts'
import { Source } from './source.ts'

/** The job `restore`: the file is checked three times, and the stream built unseen until it appears as a whole. */
const start: StartContender = async (servers) => {
  const runJob = await openJobs(servers.redis)
  const source = new Source('millrace', servers)
  return {
    prepare: (round) => source.make(round),
    run: ({ name, count }) =>
      runJob('restore', { path: source.file, rename: { [source.stream]: name } }, count),
  }
}

export default start

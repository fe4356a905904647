// A process of its own that runs jobs, to be killed. It reports a JSON value a line: { ready } and { stopped } for itself,
// { warned } for what the runner warns of.
import { writeSync } from 'node:fs'
import { noLog } from '../../src/core/service.ts'
import { JobService } from '../../src/jobs/job-service.ts'
import { operationWorks } from '../../src/jobs/kinds/kinds.ts'
import { RedisStreamLog } from '../../src/redis/redis-log.ts'

export interface JobChildOptions {
  url: string
  name: string
}

export interface JobChildLine {
  ready?: true
  stopped?: true
  warned?: string
}

const { url, name } = JSON.parse(process.argv[2]!) as JobChildOptions

/** At once, since the process may be killed right after. */
const report = (line: JobChildLine) => void writeSync(1, `${JSON.stringify(line)}\n`)

const log = await RedisStreamLog.open({ url })
const { runner } = new JobService(log.operations.jobStore, operationWorks(log.operations), {
  name,
  log: { ...noLog, warn: (_, warned) => report({ warned }), info: (_, warned) => report({ warned }) },
})
await runner.start()
report({ ready: true })
process.once('SIGTERM', async () => {
  await runner.stop(5_000)
  await log.close()
  report({ stopped: true }) // and nothing is left that would keep the process alive
})

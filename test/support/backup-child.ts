// A process of its own that backs up, or restores, all streams, to be killed. It reports a line with how many entries are done.
import { writeSync } from 'node:fs'
import { openConnection } from '../../src/redis/connections/servers.ts'
import { backupOf, restoreTo, TestRun } from './backup-lab.ts'

const [kind, url = '', path = '', id = ''] = process.argv.slice(2)
const connection = await openConnection({ url }, 'child')
const work = kind === 'backup' ? backupOf(connection) : restoreTo(connection)
const run = new TestRun(id)
let done = 0
run.step = async (count) => {
  done += count
  writeSync(1, `${done}\n`)
  // Slow enough to be killed in its midst.
  await new Promise((resolve) => setTimeout(resolve, 2))
}
await work.run((await work.check({ path })) as never, run)
await connection.close()

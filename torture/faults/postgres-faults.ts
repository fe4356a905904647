import { setTimeout as sleep } from 'node:timers/promises'
import type { Fault } from './fault.ts'

/** Late enough that a connection which breaks has a COMMIT on its way more often than not. */
const LATE_MS = 300

/** What befalls PostgreSQL. */
export const postgresFaults: Readonly<Record<string, Fault>> = {
  'postgres-restart': {
    claims: 'postgres',
    lastsMs: [0, 0],
    async run(_, { postgres }) {
      await postgres.restart()
      return {}
    },
  },
  'postgres-kill': {
    claims: 'postgres',
    lastsMs: [0, 3_000],
    async run({ forMs }, { postgres }) {
      await postgres.kill('SIGKILL')
      await sleep(forMs)
      await postgres.restart()
      return {}
    },
  },
  'postgres-late': {
    claims: 'postgres',
    lastsMs: [3_000, 4_000],
    async run({ forMs }, { postgresProxy }) {
      postgresProxy.delay(LATE_MS)
      await sleep(forMs)
      postgresProxy.cut()
      postgresProxy.pass()
      return {}
    },
  },
  'postgres-reset': {
    claims: 'postgres',
    lastsMs: [0, 0],
    async run(_, { postgresProxy }) {
      postgresProxy.cut()
      return {}
    },
  },
}

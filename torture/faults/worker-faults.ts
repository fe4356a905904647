import { setTimeout as sleep } from 'node:timers/promises'
import { DEAD_AFTER_MS } from '../load.ts'
import type { Fault, Site } from './fault.ts'

/** Longer than a stop with a deadline takes. */
const TERM_MS = 30_000

/** A worker that is silent for so long has lost what it held: twice the time that it may be silent. */
const SILENT_MS = 2 * DEAD_AFTER_MS

/** What befalls one worker process. */
export const workerFaults: Readonly<Record<string, Fault>> = {
  'worker-kill': {
    claims: 'worker',
    lastsMs: [0, 0],
    async run(_, site, place) {
      const child = site.crew.at(place)
      await child.end()
      site.crew.replace(place)
      return { victim: child.name }
    },
  },
  'worker-stop': {
    claims: 'worker',
    lastsMs: [SILENT_MS, SILENT_MS + 1_000],
    async run({ forMs }, site, place) {
      const child = site.crew.at(place)
      child.kill('SIGSTOP')
      await sleep(forMs)
      child.kill('SIGCONT')
      return { victim: child.name }
    },
  },
  'worker-block': {
    claims: 'worker',
    lastsMs: [SILENT_MS, SILENT_MS + 1_000],
    async run({ forMs }, site, place) {
      const child = site.crew.at(place)
      child.tell({ tell: 'block', forMs })
      await sleep(forMs)
      return { victim: child.name }
    },
  },
  'worker-term': {
    claims: 'worker',
    lastsMs: [0, 0],
    async run(_, site, place) {
      const { name } = site.crew.at(place)
      const detail = await terminate(site, place)
      return { victim: name, detail }
    },
  },
}

/** Another one starts at once, as in a rolling restart. */
async function terminate({ crew }: Site, place: number): Promise<string> {
  const child = crew.at(place)
  child.kill('SIGTERM')
  crew.replace(place)
  const end = await Promise.race([child.ended, sleep(TERM_MS, 'late' as const, { ref: false })])
  if (end === 'late') await child.end()
  return String(end)
}

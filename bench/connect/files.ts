import { mkdir, open, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type * as Files from '../../src/connectors/sinks/file.ts'
import { built } from '../built.ts'
import { Place } from './place.ts'
import type { OpenTarget, Outgoing } from './target.ts'

const { fileSink } = (await import(built('connectors/sinks/file.js'))) as typeof Files

/** More than Node has threads for files: none of them ever waits for the loop. */
const AT_ONCE = 16

/** A file for each event, there as a whole or not at all: written and synced elsewhere, and renamed. */
export const files: OpenTarget = async () => {
  const place = new Place()
  return {
    sink: (round) => fileSink({ directory: place.of(round), format: 'json' }),
    async write(round, batch) {
      const folder = place.of(round)
      await mkdir(folder, { recursive: true })
      const rest = batch.values()
      const writer = async () => {
        for (const event of rest) await writeFile(folder, event)
      }
      await Promise.all(Array.from({ length: AT_ONCE }, writer))
    },
    async take(round) {
      const { length } = await place.list(round, '.json')
      await place.empty(round)
      return length
    },
  }
}

async function writeFile(folder: string, event: Outgoing): Promise<void> {
  const path = join(folder, `${event.id}.json`)
  const file = await open(`${path}.temporary`, 'wx')
  await file.writeFile(`${JSON.stringify(event)}\n`)
  await file.sync()
  await file.close()
  await rename(`${path}.temporary`, path)
}

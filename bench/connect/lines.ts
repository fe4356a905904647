import { mkdir, open, readFile, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import type * as Files from '../../src/connectors/sinks/file.ts'
import { built } from '../built.ts'
import { Place } from './place.ts'
import type { OpenTarget } from './target.ts'

const { fileSink } = (await import(built('connectors/sinks/file.js'))) as typeof Files
const NEW_LINE = 0x0a

/** JSON lines in a file, which is synced after each batch. */
export const lines: OpenTarget = async () => {
  const place = new Place()
  let file: FileHandle | undefined
  return {
    sink: (round) => fileSink({ directory: place.of(round), format: 'jsonl' }),
    async write(round, batch) {
      if (!file) {
        await mkdir(place.of(round))
        file = await open(join(place.of(round), 'lines.jsonl'), 'ax')
      }
      await file.appendFile(batch.map((event) => `${JSON.stringify(event)}\n`).join(''))
      await file.datasync()
    },
    async take(round) {
      await file?.close()
      file = undefined
      const written = await Promise.all((await place.list(round, '.jsonl')).map((path) => readFile(path)))
      await place.empty(round)
      return written.reduce((sum, bytes) => sum + countLines(bytes), 0)
    },
  }
}

function countLines(bytes: Buffer): number {
  let count = 0
  for (let end = bytes.indexOf(NEW_LINE); end >= 0; end = bytes.indexOf(NEW_LINE, end + 1)) count++
  return count
}

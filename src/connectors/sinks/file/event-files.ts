import { join } from 'node:path'
import { syncFolder } from './disk.ts'
import type { Home } from './home.ts'
import { inParallel } from './in-parallel.ts'
import type { Document, Keeper } from './keeper.ts'
import { encodeName, eventFile, minuteFolder } from './names.ts'

/** More than the threads that Node has for files, so that none of them ever waits for us. */
const FILES_AT_ONCE = 16

/**
 * A file per event, at `<stream>/<day>/<hour>-<minute>/<position>-<part>-<fingerprint>.json`: a repeat overwrites itself.
 * A file is there as a whole or not at all, since it is written elsewhere and gets its place by a rename.
 */
export class EventFiles implements Keeper {
  readonly #home: Home

  constructor(home: Home) {
    this.#home = home
  }

  async open(): Promise<void> {}

  async keep(documents: readonly Document[], signal: AbortSignal): Promise<void> {
    const folders = new Set<string>()
    await inParallel(documents, FILES_AT_ONCE, async ({ event, json }) => {
      signal.throwIfAborted()
      const folder = await this.#home.folder(join(encodeName(event.stream), minuteFolder(event.position)))
      folders.add(folder)
      await this.#write(join(folder, eventFile(event)), json)
    })
    await inParallel([...folders], FILES_AT_ONCE, (folder) => syncFolder(this.#home.disk, folder))
  }

  async close(): Promise<void> {}

  async #write(path: string, json: string): Promise<void> {
    const { disk } = this.#home
    const temporary = this.#home.temporaryFile()
    const file = await disk.open(temporary, 'wx')
    try {
      try {
        await file.writeFile(`${json}\n`)
        await file.sync()
      } finally {
        await file.close()
      }
      await disk.rename(temporary, path)
    } catch (error) {
      await disk.unlink(temporary).catch(() => {})
      throw error
    }
  }
}

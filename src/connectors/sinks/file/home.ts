import { randomUUID } from 'node:crypto'
import { dirname, join, resolve } from 'node:path'
import { SinkError } from '../../../core/connector-errors.ts'
import { diskCode, syncFolder, unlessMissing, type Disk } from './disk.ts'

/** Where files are written that get their place by a rename. */
const TEMPORARY = '.temporary'
/** More folders than are in use at once; then it begins anew. */
const MAX_KNOWN = 10_000
/** Enough to find out that the disk is full. */
const PROBE = Buffer.alloc(4_096)
/** After so long a temporary file belongs to nobody any more. */
const TEMPORARY_MS = 3_600_000

/** The directory of a sink: nothing is written outside of it. */
export class Home {
  readonly disk: Disk
  readonly #directory: string
  readonly #known = new Map<string, Promise<string>>()
  #path = ''
  #temporary = ''

  constructor(disk: Disk, directory: string) {
    this.disk = disk
    this.#directory = resolve(directory)
  }

  /** Makes the directory where it is missing, and finds out whether it can be written to. */
  async open(): Promise<void> {
    this.#known.clear()
    await this.disk.mkdir(this.#directory, { recursive: true })
    this.#path = await this.disk.realpath(this.#directory)
    const common = await this.folder(TEMPORARY)
    await this.#sweep(common)
    this.#temporary = common
    await this.#probe()
  }

  /** The path of a folder of the directory, which is there for good from now on. */
  folder(relative: string): Promise<string> {
    const known = this.#known.get(relative)
    if (known) return known
    if (this.#known.size >= MAX_KNOWN) this.#known.clear()
    const made = this.#make(relative)
    this.#known.set(relative, made)
    made.catch(() => this.#known.delete(relative))
    return made
  }

  /** The names of the folders in the directory. */
  async folders(): Promise<string[]> {
    const entries = await this.disk.readdir(this.#path, { withFileTypes: true })
    return entries.filter((entry) => entry.isDirectory() && entry.name !== TEMPORARY).map(({ name }) => name)
  }

  /** A path that nobody else uses. */
  temporaryFile(): string {
    return join(this.#temporary, randomUUID())
  }

  /** Also each folder above it, since a folder is there for good only when the one that it lies in says so. */
  async #make(relative: string): Promise<string> {
    const path = join(this.#path, relative)
    const above = dirname(relative)
    if (above !== '.') await this.folder(above)
    const wasMissing = await this.disk.mkdir(path).then(
      () => true,
      (error: unknown) => {
        if (diskCode(error) !== 'EEXIST') throw error
        return false
      },
    )
    if ((await this.disk.realpath(path)) !== path)
      throw new SinkError('SINK_UNAVAILABLE', `${path} is a link, which could lead anywhere: remove it`)
    if (wasMissing) await syncFolder(this.disk, dirname(path))
    return path
  }

  async #probe(): Promise<void> {
    const path = this.temporaryFile()
    const file = await this.disk.open(path, 'wx')
    try {
      await file.writeFile(PROBE)
      await file.sync()
    } finally {
      await file.close()
      await this.disk.unlink(path)
    }
  }

  /** What a process left that died. */
  async #sweep(folder: string): Promise<void> {
    for (const name of await this.disk.readdir(folder)) {
      const path = join(folder, name)
      const found = await unlessMissing(this.disk.lstat(path))
      if (found && Date.now() - found.mtimeMs > TEMPORARY_MS) await unlessMissing(this.disk.unlink(path))
    }
  }
}

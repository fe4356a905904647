import { dirname } from 'node:path'
import { disk as real, type Disk, type DiskFile } from '../../src/connectors/sinks/file/disk.ts'

/** The file system, with what a test lets go wrong in it, and with a record of what would survive a loss of power. */
export class FaultyDisk {
  /** Fails each call with this code. */
  gone: string | undefined
  /** Syncs of segments. */
  dataSyncs = 0
  /** Fails the write of an event, or of lines, that comes after so many others; once. */
  #cutAfter: number | undefined
  #onCut = () => {}
  #hanging: Promise<void> | undefined
  /** By inode, as large as they were at their last sync. */
  readonly #synced = new Map<number, number>()
  /** What was renamed into a folder since its last sync. */
  readonly #renamed = new Map<string, Set<string>>()

  readonly disk: Disk = new Proxy(real, {
    get: (_, name: keyof Disk) => {
      if (name === 'open') return (...args: Parameters<Disk['open']>) => this.#open(...args)
      if (name === 'rename') return (from: string, to: string) => this.#rename(from, to)
      return (...args: never[]) => {
        this.#check()
        return (real[name] as (...args: never[]) => unknown)(...args)
      }
    },
  })

  /** Resolves when it has failed. */
  cut(after: number): Promise<void> {
    this.#cutAfter = after
    return new Promise((resolve) => (this.#onCut = resolve))
  }

  hang(): () => void {
    let letGo = () => {}
    this.#hanging = new Promise((resolve) => (letGo = resolve))
    return () => {
      this.#hanging = undefined
      letGo()
    }
  }

  /** Undefined where nothing is known of it. */
  syncedBytes(inode: number): number | undefined {
    return this.#synced.get(inode)
  }

  isThereForGood(path: string): boolean {
    return !this.#renamed.get(dirname(path))?.has(path)
  }

  #check(): void {
    if (this.gone) throw Object.assign(new Error(this.gone), { code: this.gone, syscall: 'test' })
  }

  async #rename(from: string, to: string): Promise<void> {
    this.#check()
    if (from.includes('.temporary')) await this.#eventArrives()
    const { ino, size } = await real.lstat(from)
    const synced = this.#synced.get(ino)
    if (synced !== undefined && synced < size && !to.includes('taken-') && !from.includes('open-'))
      throw new Error(`${from} was renamed before it was synced`)
    const renamed = this.#renamed.get(dirname(to)) ?? new Set()
    this.#renamed.set(dirname(to), renamed.add(to))
    await real.rename(from, to)
  }

  async #open(...args: Parameters<Disk['open']>): Promise<DiskFile> {
    this.#check()
    const [path] = args
    const file = await real.open(...args)
    const { ino, size } = await file.stat()
    const isFolder = (await file.stat()).isDirectory()
    if (!isFolder && args[1] !== undefined && typeof args[1] === 'string' && args[1] !== 'r')
      this.#synced.set(ino, size)
    const sync = async (name: 'sync' | 'datasync') => {
      const renamed = [...(this.#renamed.get(String(path)) ?? [])]
      if (name === 'datasync') await this.#eventArrives()
      this.#check()
      const { size } = await file.stat()
      await file[name]()
      if (name === 'datasync') this.dataSyncs++
      if (isFolder) for (const one of renamed) this.#renamed.get(String(path))?.delete(one)
      else if (this.#synced.has(ino)) this.#synced.set(ino, size)
    }
    return new Proxy(file, {
      get: (target, name) => {
        if (name === 'sync' || name === 'datasync') return () => sync(name)
        const value: unknown = Reflect.get(target, name)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  }

  /** The last step before an event is where it should be; connecting has none. */
  async #eventArrives(): Promise<void> {
    await this.#hanging
    if (this.#cutAfter === undefined || this.#cutAfter-- > 0) return
    this.#cutAfter = undefined
    this.#onCut()
    throw Object.assign(new Error('EIO'), { code: 'EIO', syscall: 'fsync' })
  }
}

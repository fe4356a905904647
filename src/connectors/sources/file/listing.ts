import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { matchesGlob } from '../../../core/glob.ts'

/** A file as it stands in the directory now. */
export interface Sighting {
  readonly path: string
  /** Device and inode. */
  readonly file: string
  readonly size: number
  readonly modifiedMs: number
  /** When it was made; 0 or later than that where the disk does not say. */
  readonly bornMs: number
  /** `wanted` is what the path says; `rotated`, what has its name with something behind it. */
  readonly kind: 'wanted' | 'rotated' | 'other'
}

/** By what a file is known whatever its name. */
export const fileOf = ({ dev, ino }: { dev: bigint; ino: bigint }): string => `${dev}:${ino}`

export const inodeOf = (file: string): string => file.slice(file.indexOf(':') + 1)

/** What has to be unpacked first was read before it was packed. */
const PACKED = /\.(?:gz|bz2|xz|zst|lz4|zip)$/i
const IS_GLOB = /[*?]/

/** The files that a path stands for, whose last part may be a glob. */
export class Listing {
  readonly directory: string
  readonly isGlob: boolean
  readonly #name: string

  constructor(path: string) {
    const whole = resolve(path)
    this.directory = dirname(whole)
    this.#name = basename(whole)
    this.isGlob = IS_GLOB.test(this.#name)
  }

  /** All plain files of the directory, the wanted ones first; none where there is no directory. */
  async look(): Promise<Sighting[]> {
    const names = await readdir(this.directory).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return []
      throw error
    })
    const found: Sighting[] = []
    for (const name of names) {
      const sighting = await this.#see(name)
      if (sighting) found.push(sighting)
    }
    return found.toSorted((a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind))
  }

  /** The wanted file alone; undefined where it is not there, and for a glob. */
  async lookAtOne(): Promise<Sighting | undefined> {
    return this.isGlob ? undefined : this.#see(this.#name)
  }

  async #see(name: string): Promise<Sighting | undefined> {
    const path = join(this.directory, name)
    // It may be gone since it was listed; a link that leads nowhere is as good as gone.
    const found = await stat(path, { bigint: true }).catch(() => undefined)
    if (!found?.isFile()) return undefined
    const { size, mtimeMs, birthtimeMs } = found
    return {
      path,
      file: fileOf(found),
      size: Number(size),
      modifiedMs: Number(mtimeMs),
      bornMs: Number(birthtimeMs),
      kind: this.#kindOf(name),
    }
  }

  #kindOf(name: string): Sighting['kind'] {
    if (this.isGlob ? matchesGlob(this.#name, name) : name === this.#name) return 'wanted'
    const isRotated =
      !this.isGlob && name.startsWith(this.#name) && /^[.-]/.test(name.slice(this.#name.length))
    return isRotated && !PACKED.test(name) ? 'rotated' : 'other'
  }
}

const KINDS: readonly Sighting['kind'][] = ['wanted', 'rotated', 'other']

/** @returns whether a glob stands where none is understood */
export const hasGlobInDirectory = (path: string): boolean => IS_GLOB.test(dirname(path))

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Round } from '../contender.ts'

/** Beside the data of PostgreSQL, since a folder for temporary files may well be in memory, where fsync costs nothing. */
const PARENT = join(import.meta.dirname, '../../.millrace/bench')

/** The files of a process, which end with it. */
export class Place {
  readonly #folder: string

  constructor() {
    mkdirSync(PARENT, { recursive: true })
    this.#folder = mkdtempSync(join(PARENT, 'connect-'))
    process.on('exit', () => rmSync(this.#folder, { recursive: true, force: true }))
  }

  of({ name }: Round): string {
    return join(this.#folder, name)
  }

  /** The files of a round that end like this. */
  async list(round: Round, ending: string): Promise<string[]> {
    const found = await readdir(this.of(round), { recursive: true })
    return found.filter((file) => file.endsWith(ending)).map((file) => join(this.of(round), file))
  }

  async empty(round: Round): Promise<void> {
    await rm(this.of(round), { recursive: true })
  }
}

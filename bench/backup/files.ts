import { mkdtempSync, rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Round } from '../contender.ts'

/** The files of a process, which end with it. */
export class Files {
  readonly #folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))

  constructor() {
    process.on('exit', () => rmSync(this.#folder, { recursive: true, force: true }))
  }

  of({ name, file }: Round): string {
    return file ?? join(this.#folder, name)
  }

  async done(round: Round): Promise<void> {
    if (round.file === undefined) await rm(this.of(round))
  }
}

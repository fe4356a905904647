import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/**
 * What happened, in files outside Redis. Every line is written by one call before anything else happens, to a file
 * opened for appending, so that the lines of all processes stand in the order in which they were written, and a
 * process that is killed leaves all that it did.
 */
export class EvidenceWriter {
  readonly #folder: string
  readonly #files = new Map<string, number>()

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Each row is a line of columns, which hold neither tabs nor line breaks. */
  write(file: EvidenceFile, rows: readonly (readonly (string | number)[])[]): void {
    if (rows.length === 0) return
    writeSync(this.#open(file), rows.map((row) => `${row.join('\t')}\n`).join(''))
  }

  close(): void {
    for (const file of this.#files.values()) closeSync(file)
    this.#files.clear()
  }

  #open(file: string): number {
    let descriptor = this.#files.get(file)
    if (descriptor === undefined) {
      descriptor = openSync(join(this.#folder, `${file}.tsv`), 'a')
      this.#files.set(file, descriptor)
    }
    return descriptor
  }
}

/**
 * - `published.<lane>`: what, at, event id, then key for an intent, position or code for an outcome;
 * - `worked.<lane>`: what, at, event id, group, position, attempt, process, key;
 * - `probes`: at, process, kind, resident and heap bytes, active resources as JSON;
 * - `redis`: at, figures of each server and what is pending in each group, as JSON;
 * - `faults`: `begin` or `end`, at, number, kind, note as JSON;
 * - `ends`: at, process, how it ended, what was still open.
 */
export type EvidenceFile = `published.${string}` | `worked.${string}` | 'probes' | 'redis' | 'faults' | 'ends'

/** Letters of what a publisher wrote, and of where a relay wrote what went through the outbox. */
export const PUBLISHED = { intent: 'i', ok: 'o', failed: 'f', unknown: 'u', relayed: 'r' } as const
/** Letters of what a worker wrote: `broken` for a payload that is not as it was sent, `thrown` for a failure by design. */
export const WORKED = { start: 's', effect: 'e', thrown: 'x', broken: 'b' } as const

/** The columns of every whole line of a file; none where nobody wrote one. */
export function readEvidence(folder: string, file: EvidenceFile): string[][] {
  const path = join(folder, `${file}.tsv`)
  if (!existsSync(path)) return []
  const lines = readFileSync(path, 'utf8').split('\n')
  lines.pop() // what follows the last line break is nothing, or a line that was never finished
  return lines.map((line) => line.split('\t'))
}

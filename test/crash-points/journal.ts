import { openSync, readFileSync, writeSync } from 'node:fs'

/** What was about to happen, and what did, in the order in which it did. */
export type Line =
  /** Something is about to be published, or added to the outbox. */
  | { what: 'intent'; name: string }
  /** It was: at this position, where there is one yet. */
  | { what: 'ok'; name: string; position?: string }
  | { what: 'failed'; name: string; reason: string }
  /** A handler starts. */
  | { what: 'start'; group: string; name: string; attempt: number; copy: boolean }
  /** A handler outside of PostgreSQL has its effect. */
  | { what: 'effect'; group: string; name: string }
  /** The process or Redis had no time for so long that others may take it for dead. */
  | { what: 'stalled'; ms: number }
  /** The scenario came to its end, after which nothing is left to do. */
  | { what: 'end' }

/** A file outside of all that is tested. What is written is there whatever becomes of the process. */
export class Journal {
  readonly #file: number

  constructor(path: string) {
    this.#file = openSync(path, 'a')
  }

  write(line: Line): void {
    writeSync(this.#file, `${JSON.stringify(line)}\n`)
  }
}

export const readJournal = (path: string): Line[] =>
  readFileSync(path, { encoding: 'utf8', flag: 'a+' })
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line)

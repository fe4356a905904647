import { z } from 'zod'
import { ConfigurationError } from '../../../core/connector-errors.ts'
import type { Print } from './prints.ts'

/** How far a file was read. */
export interface Place extends Print {
  /** Device and inode, which stay when it is renamed. */
  readonly file: string
  /** What the ids of its records begin with. Never used for another file. */
  readonly token: string
  readonly line: number
}

/** Where a source of files goes on. */
export interface FileCursor {
  /** How many files were begun so far. */
  readonly begun: number
  /** When what was read was last written to, in ms since 1970; what is older was there before. */
  readonly since: number
  /** In the order in which they are read. */
  readonly places: readonly Place[]
}

const count = z.int().min(0)
const schema = z.object({
  begun: count,
  since: z.number(),
  places: z.array(
    z.object({
      file: z.string(),
      token: z.string(),
      offset: count,
      line: count,
      headBytes: count,
      head: z.string(),
      tail: z.string(),
    }),
  ),
})

export const START: FileCursor = { begun: 0, since: 0, places: [] }

export const encodeCursor = (cursor: FileCursor): string => JSON.stringify(cursor)

/** @throws ConfigurationError where it is none of ours: another source had the name of the pipeline before */
export function decodeCursor(text: string | undefined): FileCursor {
  if (text === undefined) return START
  try {
    return schema.parse(JSON.parse(text))
  } catch (cause) {
    const message =
      'the cursor of this pipeline is not one of files: give the pipeline a name that no other source had'
    throw new ConfigurationError(message, [], { cause })
  }
}

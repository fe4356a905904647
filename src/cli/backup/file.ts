import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { CommandError, EXIT } from '../exit.ts'
import type { Io } from '../io.ts'

/** The path of a backup that is there. @throws CommandError */
export async function existingFile(io: Io, file: string): Promise<string> {
  const path = resolve(io.cwd, file)
  const found = await stat(path).catch(() => undefined)
  if (found?.isFile()) return path
  throw new CommandError(`there is no file ${path}`, EXIT.notFound)
}

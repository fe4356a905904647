import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** The file that a shell would run for this name. Throws when there is none. */
export function findOnPath(name: string, path = ''): string {
  const files = path.split(delimiter).map((folder) => folder && join(folder, name))
  const found = files.find(isExecutable)
  if (!found) throw new Error(`${name} was not found`)
  return found
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}

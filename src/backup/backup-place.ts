import { mkdir, realpath, stat } from 'node:fs/promises'
import { dirname, isAbsolute, join, resolve, sep } from 'node:path'
import { InvalidError } from '../core/errors.ts'

/** Where backups are: says which file a name means. */
export interface BackupPlace {
  /** The directory of the file exists; the file need not. @throws InvalidError `CONFIGURATION_INVALID` */
  resolve(name: string): Promise<string>
}

/**
 * Any file that the process may read or write, for a command line.
 *
 * @example
 * await anywhere().resolve('nightly.millrace') // '/home/ada/nightly.millrace'
 */
export const anywhere = (directory = process.cwd()): BackupPlace => ({
  async resolve(name) {
    checkGiven(name)
    const path = resolve(directory, name)
    const folder = await stat(dirname(path)).catch(() => undefined)
    if (!folder?.isDirectory()) throw refused(`lies in ${dirname(path)}, which is no directory; create it`)
    return path
  },
})

/**
 * Files of one directory alone, for names that come over the network. The directory is made where it is missing.
 *
 * @example
 * await within('./backups').resolve('../etc/passwd') // throws CONFIGURATION_INVALID
 */
export const within = (directory: string): BackupPlace => ({
  async resolve(name) {
    checkGiven(name)
    if (isAbsolute(name) || !/^[^./\\\p{Cc}][^/\\\p{Cc}]*$/u.test(name))
      throw refused('must be the name of a file, without a directory, and not begin with a dot')
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const home = await realpath(directory)
    const path = join(home, name)
    // A link would lead out of the directory.
    const real = await realpath(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return path
      throw refused(`can't be looked up: ${error.message}`)
    })
    if (!real.startsWith(home + sep)) throw refused('leads out of the directory of backups')
    return path
  },
})

function checkGiven(name: unknown): void {
  if (typeof name !== 'string' || name === '' || name.includes('\0'))
    throw refused('must name the file of the backup, such as "nightly.millrace"')
}

const refused = (message: string): InvalidError =>
  new InvalidError('CONFIGURATION_INVALID', 'there can be no backup there', [{ path: 'path', message }])

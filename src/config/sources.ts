import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parse } from 'dotenv'
import type { Issue } from '../core/errors.ts'
import type { Variable } from './variable.ts'

/** A place that variables come from; the first that sets one wins. */
export interface Source {
  /** Such as `environment`, `.env` or `millrace.config.js`. */
  readonly name: string
  /** How a mistake calls it, such as `in .env`; empty for the environment. */
  readonly where: string
  readonly variables: Readonly<Record<string, string | undefined>>
}

/** Where a variable comes from. */
export interface Origin {
  /** The name of its source; `default` where no source sets it. */
  readonly source: string
  /** The name under which it is set there, where that is another one: an alias, or `<NAME>_FILE`. */
  readonly as?: string
  /** The file that holds the secret. */
  readonly path?: string
}

/** What was found for a variable. */
export interface Found {
  /** Absent where it could not be read; that is among the mistakes then. */
  text?: string
  /** The number of the source; less is stronger. */
  rank: number
  /** How a mistake says where it stands, where that is not plain to see, such as `set as PORT in .env`. */
  note?: string
  origin: Origin
}

/** The variables of `.env` in a folder; none where there is no such file. */
export function readDotEnv(cwd: string, mistakes: Issue[]): Source {
  const source = { name: '.env', where: 'in .env' }
  try {
    return { ...source, variables: parse(readFileSync(join(cwd, '.env'))) }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT') mistakes.push({ path: '.env', message: `can't be read: ${message}` })
    return { ...source, variables: {} }
  }
}

/**
 * Looks a variable up. Sources come before names: an alias in the environment beats the name itself in `.env`. Set to
 * nothing counts as not set, and hides what later sources say: that is how one switches off a line of `.env`.
 */
export function find(
  name: string,
  variable: Variable,
  sources: readonly Source[],
  cwd: string,
  mistakes: Issue[],
): Found | undefined {
  const names = [name, ...(variable.aliases ?? [])]
  const fileNames = variable.secret ? names.map((name) => `${name}_FILE`) : []
  const all = [...names, ...fileNames]
  const rank = sources.findIndex(({ variables }) =>
    all.some((candidate) => variables[candidate] !== undefined),
  )
  const source = sources[rank]
  if (!source) return undefined
  const set = (candidate: string) => (source.variables[candidate] ?? '').trim() !== ''
  const direct = names.find(set)
  const file = fileNames.find(set)
  if (direct && file) {
    mistakes.push({ path: name, message: `is set both as ${direct} and by ${file}; wanted: one of them` })
    return { rank, origin: { source: source.name } }
  }
  if (file) return { rank, ...readSecret(file, source, cwd, mistakes) }
  return direct ? { rank, ...readDirectly(name, direct, source) } : undefined
}

function readDirectly(name: string, candidate: string, source: Source) {
  const as = candidate === name ? {} : { as: candidate }
  const note = [candidate === name ? '' : `set as ${candidate}`, source.where]
    .filter((part) => part !== '')
    .join(' ')
  const origin = { source: source.name, ...as }
  return { text: source.variables[candidate]!, origin, ...(note && { note }) }
}

function readSecret(fileVariable: string, source: Source, cwd: string, mistakes: Issue[]) {
  const { where, variables } = source
  const path = variables[fileVariable]!.trim()
  const origin = { source: source.name, as: fileVariable, path }
  try {
    // Whoever writes such a file with an editor or `echo` leaves the end of the line in it.
    const text = readFileSync(resolve(cwd, path), 'utf8').replace(/\r?\n$/, '')
    return { text, origin, note: `read from ${path}` }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const holds = `holds "${path}"${where && ` (${where})`}, which can't be read (${code ?? message})`
    mistakes.push({ path: fileVariable, message: `${holds}; wanted: the path of a file` })
    return { origin }
  }
}

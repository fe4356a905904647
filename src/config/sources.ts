import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parse } from 'dotenv'
import type { Issue } from '../core/errors.ts'
import type { Variable } from './variables.ts'

/** A place that variables come from; the first that sets one wins. */
export interface Source {
  /** How a mistake calls it, such as `in .env`; empty for the environment. */
  readonly where: string
  readonly variables: Readonly<Record<string, string | undefined>>
}

/** What was found for a variable. */
export interface Found {
  /** Absent where it could not be read; that is among the mistakes then. */
  text?: string
  /** The number of the source; less is stronger. */
  rank: number
  /** How the operator wrote it where that is not plain to see, such as `set as PORT in .env`. */
  origin?: string
}

/** The variables of `.env` in a folder; none where there is no such file. */
export function readDotEnv(cwd: string, mistakes: Issue[]): Source {
  const where = 'in .env'
  try {
    return { where, variables: parse(readFileSync(join(cwd, '.env'))) }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT') mistakes.push({ path: '.env', message: `can't be read: ${message}` })
    return { where, variables: {} }
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
    return { rank }
  }
  if (file) return { rank, ...readSecret(file, source, cwd, mistakes) }
  return direct ? { rank, ...readDirectly(name, direct, source) } : undefined
}

function readDirectly(name: string, candidate: string, { where, variables }: Source) {
  const origin = [candidate === name ? '' : `set as ${candidate}`, where]
    .filter((part) => part !== '')
    .join(' ')
  return { text: variables[candidate]!, ...(origin && { origin }) }
}

function readSecret(fileVariable: string, { where, variables }: Source, cwd: string, mistakes: Issue[]) {
  const path = variables[fileVariable]!.trim()
  try {
    // Whoever writes such a file with an editor or `echo` leaves the end of the line in it.
    const text = readFileSync(resolve(cwd, path), 'utf8').replace(/\r?\n$/, '')
    return { text, origin: `read from ${path}` }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const holds = `holds "${path}"${where && ` (${where})`}, which can't be read (${code ?? message})`
    mistakes.push({ path: fileVariable, message: `${holds}; wanted: the path of a file` })
    return {}
  }
}

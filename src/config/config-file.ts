import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { toError, type Issue } from '../core/errors.ts'
import { nearestName } from '../core/nearest.ts'
import type { Source } from './sources.ts'
import type { Variable } from './variable.ts'
import { VARIABLES } from './variables.ts'

/** Looked for in the working directory; there may be one of them. */
const NAMES = ['millrace.config.js', 'millrace.config.json', 'millrace.config.ts'] as const

/** What a file says, and what is wrong with it; for `loadConfig`, which lists all mistakes together. */
export interface ConfigFile {
  readonly source: Source
  readonly mistakes: readonly Issue[]
}

/**
 * Reads the configuration file: `millrace.config.js`, `.json` or `.ts` in the working directory, or the one that is named.
 * It holds variables by their names, as texts, numbers, booleans and lists of these; a module has them as its default
 * export. Undefined where there is none. It never rejects. Called again it reads everything anew, imports included.
 *
 * @example
 * // millrace.config.js: export default { SERVICE_PORT: 8080, ROLES: ['api', 'worker'] }
 * const file = await readConfigFile(process.cwd())
 * const config = loadConfig(process.env, { cwd: process.cwd(), version: '1.0.0', file })
 */
export async function readConfigFile(cwd: string, named?: string): Promise<ConfigFile | undefined> {
  const present = named === undefined ? NAMES.filter((name) => existsSync(join(cwd, name))) : [named]
  const [name, ...others] = present
  if (name === undefined) return undefined
  const mistakes: Issue[] = []
  if (others.length > 0)
    mistakes.push({ path: name, message: `is there beside ${others.join(' and ')}; wanted: one of them` })
  const content = await load(resolve(cwd, name), name, mistakes)
  const variables = content === undefined ? {} : toVariables(content, name, mistakes)
  return { source: { name, where: `in ${name}`, variables }, mistakes }
}

async function load(path: string, name: string, mistakes: Issue[]): Promise<unknown> {
  try {
    return path.endsWith('.json') ? JSON.parse(await readFile(path, 'utf8')) : await loadModule(path)
  } catch (error) {
    mistakes.push({ path: name, message: describeFailure(path, error) })
    return undefined
  }
}

/** Tells the default export of a module, or why there is none. */
const READER = `
const { parentPort, workerData } = require('node:worker_threads')
const tell = ({ default: content }) => parentPort.postMessage({ content })
const fail = (error) =>
  parentPort.postMessage({ error: { message: String(error?.message ?? error), code: String(error?.code) } })
import(workerData).then(tell).catch(fail)`

type Reading = { content?: unknown; error?: { message: string; code?: string } }

/** In a thread of its own: a process keeps each module for ever, and with it what the file said the first time. */
async function loadModule(path: string): Promise<unknown> {
  const thread = new Worker(READER, { eval: true, workerData: pathToFileURL(path).href })
  try {
    const { content, error } = await answerOf(thread)
    if (error) throw Object.assign(new Error(error.message), { code: error.code })
    if (content === undefined) throw new Error('it has no default export')
    return content
  } finally {
    await thread.terminate()
  }
}

async function answerOf(thread: Worker): Promise<Reading> {
  const done = new AbortController()
  const { signal } = done
  const message = once(thread, 'message', { signal }).then(([reading]) => reading as Reading)
  const end = once(thread, 'exit', { signal }).then(() => {
    throw new Error('it ended the process')
  })
  try {
    return await Promise.race([message, end])
  } finally {
    message.catch(() => {})
    end.catch(() => {})
    done.abort()
  }
}

/** What the import itself says decides whether this Node loads TypeScript: a loader such as tsx may have taught it. */
function describeFailure(path: string, thrown: unknown): string {
  const { code } = thrown as NodeJS.ErrnoException
  if (code === 'ERR_UNKNOWN_FILE_EXTENSION' && path.endsWith('.ts'))
    return `can't be loaded by Node.js ${process.versions.node}; name it .js, or use Node.js 22.18 or newer`
  return `can't be read: ${toError(thrown).message}`
}

const KNOWN: ReadonlySet<string> = new Set(
  Object.entries(VARIABLES as Record<string, Variable>).flatMap(([name, { aliases = [], secret }]) => {
    const names = [name, ...aliases]
    return secret ? [...names, ...names.map((one) => `${one}_FILE`)] : names
  }),
)

function toVariables(content: unknown, file: string, mistakes: Issue[]): Record<string, string> {
  const variables: Record<string, string> = {}
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    mistakes.push({ path: file, message: 'holds no variables; wanted: an object of them by their names' })
    return variables
  }
  for (const [name, value] of Object.entries(content)) {
    if (value === undefined) continue
    const text = toText(value)
    if (!KNOWN.has(name)) mistakes.push({ path: shownName(name), message: unknownName(name, file) })
    else if (text === undefined)
      mistakes.push({ path: name, message: `holds ${kindOf(value)} (in ${file}); wanted: ${WANTED}` })
    else variables[name] = text
  }
  return variables
}

const WANTED = 'a text, a number, true or false, or a list of these without commas in them'

/** As the environment would hold it. */
function toText(value: unknown): string | undefined {
  if (!Array.isArray(value)) return toWord(value)
  const words = value.map(toWord)
  return words.some((word) => word === undefined || word.includes(',')) ? undefined : words.join(',')
}

function toWord(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  return typeof value === 'boolean' || Number.isFinite(value) ? String(value) : undefined
}

/** Never the value, which may be a secret. */
function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list that can not be read'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

const shownName = (name: string): string => name.slice(0, 100)

function unknownName(name: string, file: string): string {
  const nearest = nearestName(name, KNOWN)
  return `is no variable (in ${file})${nearest === undefined ? '' : `; did you mean ${nearest}?`}`
}

import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { execArgv, execPath } from 'node:process'
import { pathToFileURL } from 'node:url'
import { defineApp, type App } from '../../app/app.ts'
import { toError } from '../../core/errors.ts'
import { CommandError } from '../exit.ts'
import { say, type Io } from '../io.ts'

/** A module that has not loaded by then waits for something, in ms. */
const SLOW_MS = 10_000
/** The search for the place of a mistake takes as long as Node needs to start. */
const SEARCH_MS = 10_000
/** In a file, and not within Node. */
const PLACE = /(?:file:\/\/|(?<=[\s(]))\/[^\s()]+:\d+/

/**
 * The default export of a module, made with `defineApp`; without one, the service runs no groups of its own.
 *
 * @throws CommandError where it can't be loaded, or a stop came first; InvalidError for what is no app
 */
export async function loadApp(io: Io, file: string | undefined): Promise<App> {
  if (file === undefined) return defineApp({})
  const path = resolve(io.cwd, file)
  const { default: app } = await loadModule(io, path)
  if (!app) throw new CommandError(`the app module ${path} has no default export; make one with defineApp`)
  return defineApp(app)
}

/** The timer also keeps Node from ending without a word, as it does when nothing is left that could end an await. */
async function loadModule(io: Io, path: string): Promise<{ default?: Partial<App> }> {
  const { href } = pathToFileURL(path)
  const loaded = new AbortController()
  const slow = setInterval(
    () => say(io, `The app module ${path} is still loading: what it awaits at its top level has not ended`),
    SLOW_MS,
  )
  const stopped = once(io.signal, 'abort', { signal: loaded.signal }).then(() => {
    throw stoppedBefore(path)
  })
  try {
    if (io.signal.aborted) throw stoppedBefore(path)
    return (await Promise.race([import(href), stopped])) as { default?: Partial<App> }
  } catch (error) {
    if (error instanceof CommandError) throw error
    throw new CommandError(`the app module ${path} can't be loaded: ${await describe(error, href)}`)
  } finally {
    clearInterval(slow)
    stopped.catch(() => {})
    loaded.abort()
  }
}

const stoppedBefore = (path: string) => new CommandError(`stopped before the app module ${path} had loaded`)

/** With where it was. What is not found, the message names with its importer. */
async function describe(thrown: unknown, url: string): Promise<string> {
  const { message, stack = '' } = toError(thrown)
  if ((thrown as NodeJS.ErrnoException | undefined)?.code === 'ERR_MODULE_NOT_FOUND') return message
  const thrownAt = PLACE.exec(stack.replace(message, ''))?.[0]
  const place = thrownAt ?? (thrown instanceof SyntaxError ? await placeOfMistake(url) : undefined)
  return place === undefined ? message : `${message} (${place})`
}

/**
 * Of a mistake in the syntax, Node tells the place only where it ends by it. Nothing of the module runs here: all is read
 * before anything runs, and then the first import ends the process.
 */
export async function placeOfMistake(url: string): Promise<string | undefined> {
  const options = execArgv.filter((option) => !option.startsWith('--inspect'))
  const code = `import 'data:text/javascript,process.exit()'; import ${JSON.stringify(url)}`
  const args = [...options, '--input-type=module', '--eval', code]
  return new Promise((settle) => {
    execFile(execPath, args, { timeout: SEARCH_MS }, (_, __, stderr) => settle(PLACE.exec(stderr)?.[0]))
  })
}

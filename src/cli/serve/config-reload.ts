import type { Variable } from '../../config/variable.ts'
import { VARIABLES } from '../../config/variables.ts'
import type { Config, Configuration } from '../../config/config.ts'
import type { Reading } from '../../config/readings.ts'
import { InvalidError, toError, type Issue } from '../../core/errors.ts'
import type { Log } from '../../core/service.ts'

export interface ConfigReloadOptions {
  /** With what the service was started. */
  current: Configuration
  /** Reads all of it anew. */
  read: () => Promise<Configuration>
  /** Takes over what can be changed while it runs; throws where it is impossible, and has changed nothing then. */
  apply: (config: Config) => Promise<void>
  log: Log
}

/**
 * Reads the configuration again when it is told to: files, and secrets in files. A mistake never ends the service: it is
 * logged, and all stays as it was. What can't change while it runs is named, and stays until a restart.
 */
export class ConfigReload {
  readonly #options: ConfigReloadOptions
  #variables: readonly Reading[]
  #reloading: Promise<void> = Promise.resolve()

  constructor(options: ConfigReloadOptions) {
    this.#options = options
    this.#variables = options.current.variables
  }

  /** One at a time. Never rejects. */
  reload(): Promise<void> {
    this.#reloading = this.#reloading.then(() => this.#reload())
    return this.#reloading
  }

  async #reload(): Promise<void> {
    const { read, apply, log } = this.#options
    log.info({}, 'Reading the configuration again')
    try {
      const { config, variables } = await read()
      await apply(config)
      this.#report(variables)
    } catch (error) {
      for (const { path, message } of mistakesIn(error))
        log.error({ variable: path }, `${path ? `${path} ` : ''}${message}`)
      log.error({}, 'The configuration stays as it was')
    }
  }

  /** What waits for a restart is named each time, until it has had one. */
  #report(variables: readonly Reading[]): void {
    const { current, log } = this.#options
    const taken = difference(this.#variables, variables).filter((name) => reloads(name))
    const waiting = difference(current.variables, variables).filter((name) => !reloads(name))
    log.info({ variables: taken }, `The configuration was read: ${taken.join(', ') || 'nothing'} changed`)
    if (waiting.length > 0)
      log.warn({ variables: waiting }, `A restart is needed for ${waiting.join(', ')} to change`)
    this.#variables = variables
  }
}

const reloads = (name: Reading['name']): boolean => (VARIABLES[name] as Variable).reloads === true

const difference = (before: readonly Reading[], after: readonly Reading[]): Reading['name'][] =>
  after.filter(({ text }, index) => text !== before[index]?.text).map(({ name }) => name)

const mistakesIn = (error: unknown): readonly Issue[] =>
  error instanceof InvalidError && error.issues.length > 0
    ? error.issues
    : [{ path: '', message: toError(error).message }]

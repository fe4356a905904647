import { postgresEngine, redisEngine, type Engine, type EngineOptions } from '../../engines/engines.ts'
import type { ServiceOptions } from './options.ts'

/** The servers that nobody configured: this process starts them, or joins who did. */
export class EmbeddedEngines {
  readonly #options: ServiceOptions
  readonly #engines: Engine[] = []

  constructor(options: ServiceOptions) {
    this.#options = options
  }

  /** Answers its URL. */
  redis(): Promise<string> {
    return this.#start('Redis', redisEngine)
  }

  /** Answers its URL. */
  postgres(): Promise<string> {
    return this.#start('PostgreSQL', postgresEngine)
  }

  async stop(): Promise<void> {
    await Promise.all(this.#engines.map((engine) => engine.stop()))
  }

  async #start(name: string, start: (options: EngineOptions) => Promise<Engine>): Promise<string> {
    const log = this.#options.logger.for('engines')
    const { engineFolder: dir, env } = this.#options
    const engine = await start({ dir, env, onProgress: (line) => log.info({}, line) })
    this.#engines.push(engine)
    log.info({}, `${name} at ${engine.url} (${engine.detail})`)
    return engine.url
  }
}

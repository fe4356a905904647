import { once } from 'node:events'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { defineApp, type App } from '../app/app.ts'
import { loadConfig, type Config } from '../config/config.ts'
import { toError } from '../core/errors.ts'
import { createLogger, type Logger } from '../telemetry/logger.ts'
import { CommandError, EXIT, renderError, type ExitCode } from './exit.ts'
import { say, type Io } from './io.ts'
import { VERSION } from './package-info.ts'
import { MillraceService } from './service/service.ts'
import { engineFolder, type RedisFlags } from './with-redis.ts'

export interface ServeFlags extends RedisFlags {
  app?: string
  port?: string
}

/** `millrace serve`: runs until it is told to stop. Exit code 1 when it could not start. */
export async function serveCommand(io: Io, flags: ServeFlags): Promise<ExitCode> {
  const given = { SERVICE_PORT: flags.port, REDIS_URL: flags.redis }
  const config = loadConfig(io.env, { cwd: io.cwd, version: VERSION, flags: given })
  const app = await loadApp(io, flags.app)
  const { name: service } = config.service
  const logger = createLogger({ ...config.log, service, environment: config.environment })
  for (const warning of config.warnings) logger.for('configuration').warn({}, warning)
  return runService(io, config, app, logger)
}

async function runService(io: Io, config: Config, app: App, logger: Logger): Promise<ExitCode> {
  const log = logger.for('service')
  const service = new MillraceService({ config, app, logger, engineFolder: engineFolder(io), env: io.env })
  // A stop may be asked for while the start still waits for Redis.
  const stopping = io.signal.aborted ? Promise.resolve() : once(io.signal, 'abort')
  void stopping.then(() => service.stop(config.shutdownGraceMs))
  try {
    const since = performance.now()
    await service.start()
    log.info({ startMs: Math.round(performance.now() - since) }, `${config.service.name} is ready`)
  } catch (error) {
    if (!io.signal.aborted) {
      log.error({ error }, `The service could not start: ${toError(error).message}`)
      say(io, renderError(error))
      await service.stop(config.shutdownGraceMs)
      return EXIT.failed
    }
  }
  await stopping
  const since = performance.now()
  const reason = String(io.signal.reason)
  log.info({ reason }, 'Stopping: what runs may finish')
  await service.stop(config.shutdownGraceMs)
  log.info({ reason, durationMs: Math.round(performance.now() - since) }, 'Stopped')
  return EXIT.ok
}

/** The default export of a module, made with `defineApp`; without one, the service runs no groups of its own. */
async function loadApp(io: Io, file: string | undefined): Promise<App> {
  if (file === undefined) return defineApp({})
  const path = resolve(io.cwd, file)
  const { default: app } = (await import(pathToFileURL(path).href).catch((error: unknown) => {
    throw new CommandError(`the app module ${path} can't be loaded: ${toError(error).message}`)
  })) as { default?: Partial<App> }
  if (!app) throw new CommandError(`the app module ${path} has no default export; make one with defineApp`)
  return defineApp(app)
}

import { once } from 'node:events'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { defineApp, type App } from '../../app/app.ts'
import type { Config } from '../../config/config.ts'
import { toError } from '../../core/errors.ts'
import type { Log, Service } from '../../core/service.ts'
import { createLogger, type ContextLog } from '../../telemetry/logger.ts'
import { ConfigReload } from './config-reload.ts'
import { CommandError, EXIT, renderError, type ExitCode } from '../exit.ts'
import { say, type Io } from '../io.ts'
import { checkConfig } from '../service/check-config.ts'
import { MillraceService } from '../service/service.ts'
import { readServiceConfig, type ConfigFlags } from '../service-config.ts'
import { engineFolder } from '../with-redis.ts'

/** `millrace serve`: runs until it is told to stop. Exit code 1 when it could not start. */
export async function serveCommand(io: Io, flags: ConfigFlags): Promise<ExitCode> {
  const current = await readServiceConfig(io, flags)
  const { config } = current
  checkConfig(config, io.env)
  const app = await loadApp(io, config.app)
  const redactFields = [...config.log.redactFields, ...app.personalFields]
  const { name } = config.service
  const logger = createLogger({
    ...config.log,
    redactFields,
    service: name,
    environment: config.environment,
  })
  const log = logger.for('service')
  io.onCrash?.((fault) => logCrash(log, fault))
  for (const warning of config.warnings) logger.for('configuration').warn({}, warning)
  const service = new MillraceService({ config, app, logger, engineFolder: engineFolder(io), env: io.env })
  const reload = new ConfigReload({
    current,
    read: () => readServiceConfig(io, flags),
    apply: (changed) => service.reconfigure(changed),
    log: logger.for('configuration'),
  })
  io.onHangUp?.(() => void reload.reload())
  return runService(io, config, service, log)
}

/** In the log, as every other line, and with where it was: nobody knows what state the process is in, so it has to end. */
function logCrash(log: ContextLog, fault: unknown): void {
  const { message, stack } = toError(fault)
  log.fatal({ stack }, `A fault that nobody caught ends the service: ${message}`)
}

async function runService(io: Io, config: Config, service: Service, log: Log): Promise<ExitCode> {
  // A stop may be asked for while the start still waits for Redis.
  const stopped = onceAborted(io.signal).then(() =>
    stopService(service, config, log, String(io.signal.reason)),
  )
  try {
    const since = performance.now()
    await service.start()
    log.info({ startMs: Math.round(performance.now() - since) }, `${config.service.name} is ready`)
  } catch (error) {
    if (!io.signal.aborted) {
      log.error({ error }, `The service could not start: ${toError(error).message}`)
      say(io, renderError(error))
      await service.stop(0)
      return EXIT.failed
    }
  }
  await stopped
  return EXIT.ok
}

async function onceAborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort')
}

async function stopService(service: Service, config: Config, log: Log, reason: string): Promise<void> {
  const since = performance.now()
  log.info({ reason }, 'Stopping: what runs may finish')
  await service.stop(config.shutdownGraceMs)
  log.info({ reason, durationMs: Math.round(performance.now() - since) }, 'Stopped')
}

/** The default export of a module, made with `defineApp`; without one, the service runs no groups of its own. */
async function loadApp(io: Io, file: string | undefined): Promise<App> {
  if (file === undefined) return defineApp({})
  const path = resolve(io.cwd, file)
  const { default: app } = (await import(pathToFileURL(path).href).catch((error: unknown) => {
    throw new CommandError(`the app module ${path} can't be loaded: ${describeLoadError(error)}`)
  })) as { default?: Partial<App> }
  if (!app) throw new CommandError(`the app module ${path} has no default export; make one with defineApp`)
  return defineApp(app)
}

/** With where it was: of a mistake in the syntax, the message says nothing. What is not found, it names with its importer. */
function describeLoadError(thrown: unknown): string {
  const { message, stack = '' } = toError(thrown)
  const place = /(?:file:\/\/)?\/[^\s()]+:\d+/.exec(stack.replace(message, ''))?.[0]
  const isNotFound = (thrown as NodeJS.ErrnoException | undefined)?.code === 'ERR_MODULE_NOT_FOUND'
  return place === undefined || isNotFound ? message : `${message} (${place})`
}

import { once } from 'node:events'
import type { Config } from '../../config/config.ts'
import { toError } from '../../core/errors.ts'
import type { Log, Service } from '../../core/service.ts'
import { createLogger, type ContextLog } from '../../telemetry/logger.ts'
import { ConfigReload } from './config-reload.ts'
import { EXIT, renderError, type ExitCode } from '../exit.ts'
import { say, type Io } from '../io.ts'
import { checkConfig } from '../service/check-config.ts'
import { MillraceService } from '../service/service.ts'
import { readServiceConfig, type ConfigFlags } from '../service-config.ts'
import { engineFolder } from '../with-redis.ts'
import { loadApp } from './load-app.ts'

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

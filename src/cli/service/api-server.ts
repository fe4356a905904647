import type { Log } from '../../core/service.ts'
import { createServerApp } from '../../server/app.ts'
import { HttpServer } from '../../server/http-server.ts'
import type { ServerPorts } from '../../server/ports.ts'
import { inFlightLimits } from './load-monitor.ts'
import { clientPorts } from './metrics.ts'
import type { ServiceOptions } from './options.ts'

/** The server of the HTTP API. */
export function apiServer(options: ServiceOptions, ports: ServerPorts): HttpServer {
  const { http, limits, overload, security } = options.config
  const { fetch } = createServerApp(clientPorts(options, ports), {
    ...http,
    ...limits,
    trustedProxies: security.trustedProxies,
    inFlight: inFlightLimits(overload.memoryBytes, limits.batchBodyBytes),
  })
  return new HttpServer(fetch, { ...http, log: options.logger.for('http') })
}

/** Says where what can be reached. From then on health can be asked. */
export async function listen(api: HttpServer, metrics: HttpServer | undefined, log: Log): Promise<void> {
  await api.start()
  log.info({}, `API at ${api.url}, its documents at ${api.url}/api-docs`)
  await metrics?.start()
  if (metrics) log.info({}, `Metrics at ${metrics.url}/metrics`)
}

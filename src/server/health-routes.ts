import { toError } from '../core/errors.ts'
import { answerJson } from './answer.ts'
import { addEndpoint, type ServerApp } from './endpoint.ts'
import type { HealthReport, ServerPorts } from './ports.ts'
import { HealthSchema, NotReadySchema, ReadySchema, ServiceSchema } from './schemas.ts'

const tag = 'Health'
const LINKS: Readonly<Record<string, string>> = {
  health: '/health',
  ready: '/health/ready',
  docs: '/api-docs',
  openapi: '/openapi.json',
}

/** @param links where `/` leads to */
export function addHealthRoutes(app: ServerApp, ports: ServerPorts, links = LINKS): void {
  addLiveness(app)
  addReadiness(app, ports)
  addHealth(app, ports, '/health', 'How the service and what it depends on are')
  addHealth(app, ports, '/health-check', 'The older name of /health')
  addRoot(app, ports, links)
}

function addLiveness(app: ServerApp): void {
  const answers = { 200: { description: 'The process runs: the text `OK`' } }
  addEndpoint(
    app,
    { method: 'get', path: '/health/live', tag, summary: 'Whether the process runs', answers },
    (c) => c.text('OK'),
  )
}

function addReadiness(app: ServerApp, ports: ServerPorts): void {
  const answers = {
    200: { description: 'Requests may come', schema: ReadySchema },
    503: { description: 'Not now', schema: NotReadySchema },
  }
  const summary = 'Whether requests should be sent here'
  addEndpoint(app, { method: 'get', path: '/health/ready', tag, summary, answers }, async (c) => {
    const { ready, reason = 'unknown' } = await askHealth(ports)
    return ready ? answerJson(c, { status: 'ready' }) : answerJson(c, { status: 'not_ready', reason }, 503)
  })
}

function addHealth(app: ServerApp, ports: ServerPorts, path: string, summary: string): void {
  const answers = {
    200: { description: 'Healthy or degraded', schema: HealthSchema },
    503: { description: 'Unhealthy', schema: HealthSchema },
  }
  addEndpoint(app, { method: 'get', path, tag, summary, answers }, async (c) => {
    const { status, checks } = await askHealth(ports)
    const { name, version, startedAt } = ports.service
    const uptime = Math.floor((Date.now() - startedAt.getTime()) / 1000)
    const health = { status, timestamp: new Date().toISOString(), service: { name, version, uptime }, checks }
    return answerJson(c, health, status === 'unhealthy' ? 503 : 200)
  })
}

/** Health that can't be found out is bad health, and still an answer of the right shape. */
async function askHealth(ports: ServerPorts): Promise<HealthReport> {
  try {
    return await ports.health()
  } catch (thrown) {
    const error = toError(thrown)
    ports.log?.error({ error }, 'The health could not be found out')
    return { status: 'unhealthy', checks: {}, ready: false, reason: 'the health could not be found out' }
  }
}

function addRoot(
  app: ServerApp,
  { service: { name, version } }: ServerPorts,
  links: Readonly<Record<string, string>>,
): void {
  const answers = { 200: { description: 'Name, version and where to go on', schema: ServiceSchema } }
  addEndpoint(app, { method: 'get', path: '/', tag, summary: 'What this is', answers }, (c) =>
    answerJson(c, { name, version, links }),
  )
}

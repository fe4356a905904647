import { addEndpoint, type ServerApp } from './endpoint.ts'
import type { ServerPorts } from './ports.ts'

/** For everybody, like health: whoever scrapes has no key, and is no client whose requests are counted. */
export function addMetricsRoute(app: ServerApp, { metrics }: ServerPorts): void {
  if (!metrics) return
  const answers = { 200: { description: 'The metrics, in the text format of Prometheus' } }
  const endpoint = {
    method: 'get',
    path: '/metrics',
    tag: 'Health',
    summary: 'Metrics for Prometheus',
    answers,
  } as const
  addEndpoint(app, endpoint, async (c) => {
    const { contentType, text } = await metrics()
    return c.body(text, 200, { 'content-type': contentType })
  })
}

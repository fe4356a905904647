import { addEndpoint, type ServerApp } from './endpoint.ts'
import type { ServerPorts } from './ports.ts'
import { PublishedSchema } from './schemas.ts'

export function addTestEventRoute(app: ServerApp, ports: ServerPorts): void {
  const endpoint = {
    method: 'post',
    path: '/trigger-test-event',
    tag: 'Health',
    scope: 'publish',
    summary: "Publishes a test event to the service's own stream",
    answers: { 201: { description: 'It was published', schema: PublishedSchema } },
  } as const
  addEndpoint(app, endpoint, async (c) => {
    return c.json({ success: true, messageId: await ports.publishTestEvent() }, 201)
  })
}

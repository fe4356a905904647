import { serve } from '@hono/node-server'
import { createClient } from '@redis/client'
import { Hono } from 'hono'
import { z } from 'zod'

/* The shortest service that takes the same requests: it parses, validates and publishes, and has nothing else. */

const client = await createClient({ url: process.argv[2]!, RESP: 2 }).connect()
const name = z.string().min(1).max(256)
const Event = z.object({ streamName: name, eventType: name, payload: z.unknown(), key: name.optional() })
const Batch = z.object({ events: z.array(Event).min(1).max(10_000) })

const publish = ({ streamName, eventType, payload }: z.infer<typeof Event>) =>
  client.xAdd(streamName, '*', { type: eventType, data: JSON.stringify(payload) })

const app = new Hono()
app.post('/api/events/custom', async (c) => {
  const messageId = await publish(Event.parse(await c.req.json()))
  return c.json({ success: true, messageId }, 201)
})
app.post('/api/events/batch', async (c) => {
  const { events } = Batch.parse(await c.req.json())
  const messageIds = await Promise.all(events.map(publish))
  return c.json({ success: true, messageIds, count: messageIds.length }, 201)
})
serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) =>
  process.send!(`http://127.0.0.1:${port}`),
)
process.on('disconnect', () => process.exit())

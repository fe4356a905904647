import { counter, handle, route, stream } from 'millrace'
import { z } from 'zod'

const LogLine = z
  .object({
    level: z.enum(['debug', 'info', 'warn', 'error']),
    message: z.string().min(1).max(10_000),
    metadata: z.record(z.string(), z.unknown()).optional(),
  })
  .meta({ id: 'LogLine', example: { level: 'error', message: 'The wheel stands', metadata: { wheel: 7 } } })

export const logs = stream('system:logs', { 'system.error': LogLine, 'system.info': LogLine })

const write = route(
  'POST /api/events/logs',
  {
    summary: 'Writes a line of a log',
    tag: 'Events',
    body: LogLine,
    idempotent: true,
    answers: { 201: z.object({ success: z.literal(true), log: LogLine, messageId: z.string() }) },
  },
  async ({ body }, { publish }) => {
    const messageId = await publish(logs, body.level === 'error' ? 'system.error' : 'system.info', body)
    return { status: 201, body: { success: true, log: body, messageId } }
  },
)

export const logLines = counter({ name: 'log_lines_total', help: 'Lines by their level.', labels: ['level'] })

export const logConsumer = handle(
  logs,
  { group: 'log-processing-group' },
  { 'system.*': ({ event }) => logLines.inc({ level: event.data.level }) },
)

export const logRoutes = [write]

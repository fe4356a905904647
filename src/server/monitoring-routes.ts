import { z } from '@hono/zod-openapi'
import type { StreamOverview } from '../core/stream-catalogue.ts'
import { Cached } from './admin/cached.ts'
import { given, nameOf } from './admin/inputs.ts'
import { groupsOf, requireStream } from './admin/stream-routes.ts'
import { GroupLagSchema, StreamOverviewSchema } from './admin/stream-schemas.ts'
import { answerJson } from './answer.ts'
import { addEndpoint, type ServerApp } from './endpoint.ts'
import type { ServerPorts, StreamsPort } from './ports.ts'

const tag = 'Monitoring'
/** How old a list of all streams may be, in ms: whoever asks often asks Redis once for all. */
const LIST_AGE_MS = 1_000

const success = z.literal(true)
const streamPath = z.object({ name: nameOf('stream name', 'user:events') })

const InfoSchema = z
  .object({
    success,
    streams: z.array(z.object({ streamName: z.string(), eventTypes: z.array(z.string()) })),
    eventTypes: z.array(z.string()),
  })
  .openapi('EventInfo', {
    example: {
      success: true,
      streams: [{ streamName: 'user:events', eventTypes: ['user.created'] }],
      eventTypes: ['user.created'],
    },
  })

const ListSchema = z.object({ success, streams: z.array(StreamOverviewSchema), total: z.number().int() })

const StreamSchema = z.object({
  success,
  stream: z.object({
    name: z.string(),
    length: z.number().int(),
    first: z.string().optional(),
    last: z.string().optional(),
    lastGenerated: z.string(),
    groups: z.number().int(),
    deadLetters: z.number().int(),
  }),
})

const GroupsSchema = z.object({ success, streamName: z.string(), groups: z.array(GroupLagSchema) })

/** What streams there are, what they carry, and how far their groups are. */
export function addMonitoringRoutes(app: ServerApp, { streams: port }: ServerPorts): void {
  if (!port) return
  addInfo(app, port)
  addList(app, port)
  addStream(app, port)
  addGroups(app, port)
}

function addInfo(app: ServerApp, { declared }: StreamsPort): void {
  const answers = { 200: { description: 'The streams of the app, and their types', schema: InfoSchema } }
  const endpoint = { method: 'get', path: '/api/events/info', tag: 'Events', scope: 'read', answers } as const
  const streams = declared.map(({ name, eventTypes }) => ({ streamName: name, eventTypes }))
  const eventTypes = [...new Set(declared.flatMap((one) => one.eventTypes))].toSorted()
  addEndpoint(app, { ...endpoint, summary: 'What can be published, and where' }, (c) =>
    answerJson(c, { success: true, streams, eventTypes }),
  )
}

function addList(app: ServerApp, { log }: StreamsPort): void {
  const all = new Cached<StreamOverview[]>(() => log().operations.catalogue.list())
  const answers = { 200: { description: 'All that there are in Redis', schema: ListSchema } }
  const endpoint = { method: 'get', path: '/api/monitoring/streams', tag, scope: 'read', answers } as const
  addEndpoint(app, { ...endpoint, summary: 'The streams in a few numbers each' }, async (c) => {
    const streams = await all.get(LIST_AGE_MS)
    return answerJson(c, { success: true, streams, total: streams.length })
  })
}

function addStream(app: ServerApp, { log }: StreamsPort): void {
  const endpoint = {
    method: 'get',
    path: '/api/monitoring/streams/{name}',
    tag,
    scope: 'read',
    summary: 'One stream',
    params: streamPath,
    answers: { 200: { description: 'Its numbers', schema: StreamSchema } },
  } as const
  addEndpoint(app, endpoint, async (c, { params: { name } }) => {
    const info = await requireStream(log().operations, name)
    const { length, first, last, lastGenerated, groupCount, deadLetters } = info
    const stream = given({ name, length, first, last, lastGenerated, groups: groupCount, deadLetters })
    return answerJson(c, { success: true, stream })
  })
}

function addGroups(app: ServerApp, { log }: StreamsPort): void {
  const endpoint = {
    method: 'get',
    path: '/api/monitoring/streams/{name}/groups',
    tag,
    scope: 'read',
    summary: 'The groups of a stream, and how far they are',
    params: streamPath,
    answers: { 200: { description: 'None where nobody consumes it', schema: GroupsSchema } },
  } as const
  addEndpoint(app, endpoint, async (c, { params: { name } }) => {
    const { operations } = log()
    await requireStream(operations, name)
    return answerJson(c, { success: true, streamName: name, groups: await groupsOf(operations, name) })
  })
}

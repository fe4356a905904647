import { beforeAll, expect, it } from 'vitest'
import { z } from 'zod'
import app from '../examples/app.ts'
import { createTestDatabase } from '../src/postgres/test-database.ts'
import { RunningService } from './support/running-service.ts'
import { usePostgres } from './support/use-postgres.ts'
import { useRedisServer } from './support/use-redis.ts'
import { useOnce } from './support/use.ts'

const redis = useRedisServer()
const postgres = usePostgres()
const running = useOnce(
  async () => {
    const url = await createTestDatabase(postgres.url)
    return RunningService.start(app, { REDIS_URL: redis.url, DATABASE_URL: url, ROLES: 'api,worker' })
  },
  (service) => service.stop(),
)

type Json = Record<string, unknown>
interface Content {
  content?: Record<string, { schema: Json }>
}
interface Operation {
  parameters?: { name: string; in: string; required?: boolean; schema: Json }[]
  requestBody?: Content
  responses: Record<string, Content>
}

let paths: Record<string, Record<string, Operation>>
let components: Json
beforeAll(async () => {
  const { body } = await running.get('/openapi.json')
  paths = body['paths'] as typeof paths
  components = (body['components'] as { schemas: Json }).schemas
})

/** The events of the API: a stream of them never ends. */
const isWalked = (path: string) => /^\/api\/(?:users|events|monitoring)/.test(path) && !path.endsWith('/live')

/** What is read and changed has to be there, and goes last. */
const TURNS = ['post', 'get', 'put', 'delete']

const operations = () =>
  TURNS.flatMap((method) =>
    Object.entries(paths)
      .filter(([path, methods]) => isWalked(path) && methods[method])
      .map(([path, methods]) => ({ method, path, operation: methods[method]! })),
  )

function resolved(schema: Json): Json {
  const name = (schema['$ref'] as string | undefined)?.split('/').at(-1)
  return name === undefined ? schema : (components[name] as Json)
}

/** What the document shows as an example: of the whole, or put together of its parts. */
function exampleOf(given: Json): unknown {
  const schema = resolved(given)
  if (schema['example'] !== undefined) return schema['example']
  if (schema['items']) return [exampleOf(schema['items'] as Json)]
  const properties = Object.entries((schema['properties'] ?? {}) as Record<string, Json>)
  if (properties.length === 0) throw new Error(`no example in ${JSON.stringify(schema)}`)
  return Object.fromEntries(properties.map(([name, property]) => [name, exampleOf(property)]))
}

/** Whoever reads the document checks answers so. */
function checkerOf(schema: Json): z.ZodType {
  const all = JSON.stringify({ ...schema, $defs: components })
  return z.fromJSONSchema(JSON.parse(all.replaceAll('#/components/schemas/', '#/$defs/')) as Json)
}

const jsonOf = (part: Content | undefined) => part?.content?.['application/json']?.schema

/** The path of the example request; users have other ids each time. */
function filled(path: string, { parameters = [] }: Operation, userId: string): string {
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    if (path.startsWith('/api/users/')) return userId
    const { schema } = parameters.find((one) => one.in === 'path' && one.name === name)!
    return encodeURIComponent(String(exampleOf(schema)))
  })
}

it('holds what it says: each example request is answered with its status and its shape', async () => {
  let userId = ''
  const walked: string[] = []
  for (const { method, path, operation } of operations()) {
    // The first of the types that it takes.
    const [type, body] = Object.entries(operation.requestBody?.content ?? {})[0] ?? []
    const answer = await running.send(
      method.toUpperCase(),
      filled(path, operation, userId),
      body?.schema && exampleOf(body.schema),
      type === undefined ? {} : { 'content-type': type },
    )
    if (method === 'post' && path === '/api/users') userId = (answer.body['user'] as { id: string }).id
    const documented = Object.keys(operation.responses).filter((status) => status !== 'default')
    expect([method, path, ...documented]).toEqual([method, path, String(answer.status)])
    const checked = checkerOf(jsonOf(operation.responses[answer.status])!).safeParse(answer.body)
    expect([method, path, checked.error?.issues]).toEqual([method, path, undefined])
    walked.push(`${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`)
  }
  // Whatever the app has of its own, but for what asks others.
  const own = app.routes.filter(({ tag }) => tag !== 'Weather').map(({ method, path }) => `${method} ${path}`)
  expect(walked).toEqual(expect.arrayContaining(own))
  expect(walked.length).toBeGreaterThanOrEqual(18)
})

it('shows examples that fit their own schemas', () => {
  const shown = Object.entries(components as Record<string, Json>).filter(([, schema]) => schema['example'])
  for (const [name, schema] of shown)
    expect([name, checkerOf(schema).safeParse(schema['example']).error?.issues]).toEqual([name, undefined])
  expect(shown.map(([name]) => name)).toEqual(
    expect.arrayContaining(['User', 'NewUser', 'UserChange', 'ChatMessage', 'NewTask', 'LogLine']),
  )
})

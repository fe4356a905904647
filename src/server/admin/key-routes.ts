import { z } from '@hono/zod-openapi'
import { SCOPES, type Scope } from '../../core/access.ts'
import { adminRoute, type Admin } from './admin-route.ts'
import { Change, confirmed, Destruction, operatorOf } from './change.ts'
import { given } from './inputs.ts'

const name = z
  .string()
  .regex(/^[\w.@/-]{1,64}$/, 'must be 1 to 64 letters, digits, and any of . _ @ / -')
  .openapi({ example: 'ci' })
const scope = z.enum(SCOPES as readonly [Scope, ...Scope[]])

const KeySchema = z
  .object({
    name: z.string(),
    scopes: z.array(scope),
    expiresAt: z.string().optional(),
    origin: z.enum(['configured', 'stored']),
    createdAt: z.string().optional(),
    createdBy: z.string().optional(),
  })
  .openapi('ApiKey', { example: { name: 'ci', scopes: ['publish'], origin: 'stored' } })

/** API keys: which there are, never what they are. */
export function addKeyRoutes(admin: Admin): void {
  const { keys } = admin.ports

  const list = { summary: 'The keys that are accepted', answer: z.object({ keys: z.array(KeySchema) }) }
  adminRoute(admin, 'get', '/keys', list, async () => ({ keys: await keys.list() }))

  const changes = {
    summary: 'Who made and deleted which key, newest first',
    answer: z.object({
      changes: z.array(
        z.object({
          id: z.string(),
          time: z.string(),
          action: z.enum(['create-key', 'delete-key']),
          name: z.string(),
          actor: z.string(),
          reason: z.string(),
        }),
      ),
    }),
  }
  adminRoute(admin, 'get', '/keys/history', changes, async () => ({ changes: await keys.changes() }))

  const create = {
    summary: 'Make a key for all instances; this answer alone shows it',
    body: Change.extend({
      name,
      scopes: z.array(scope).min(1).max(SCOPES.length),
      expires: z.string().max(40).optional().openapi({
        description: 'An ISO date, its first moment in UTC, or a date-time',
        example: '2027-01-01',
      }),
    }),
    answer: z.object({ key: z.string().openapi({ example: 'mr_…' }), info: KeySchema }),
    status: 201,
  } as const
  adminRoute(admin, 'post', '/keys', create, ({ body }, c) => {
    const { name, scopes, expires } = body
    return keys.create(given({ name, scopes: [...new Set(scopes)], expires }), operatorOf(c, body))
  })

  const remove = {
    summary: 'Delete a stored key; confirm with its name',
    params: z.object({ name }),
    body: Destruction,
    answer: z.object({ dryRun: z.boolean(), deleted: KeySchema }),
  }
  adminRoute(admin, 'delete', '/keys/{name}', remove, async ({ params: { name }, body }, c) => {
    const { dryRun = false } = body
    confirmed(`the key ${JSON.stringify(name)}`, name, body)
    return { dryRun, deleted: await keys.delete(name, { ...operatorOf(c, body), dryRun }) }
  })
}

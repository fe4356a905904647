import { z } from '@hono/zod-openapi'
import { decodeEntry } from '../../core/codec.ts'
import { toError } from '../../core/errors.ts'
import type { ListedEntry } from '../../core/stream-entries.ts'
import { adminRoute, type Admin } from './admin-route.ts'
import { given, inOrder, limit, order, place, position, streamPath, WRONG_WAY_ROUND } from './inputs.ts'
import { EntrySchema } from './stream-schemas.ts'

const query = z
  .object({
    from: place.optional(),
    to: place.optional(),
    after: position.optional().openapi({ description: '`next` of the page before' }),
    limit: limit(500, 50),
    order,
  })
  .refine(inOrder, WRONG_WAY_ROUND)

/** What lies in a stream, as it lies there and as it is understood. */
export function addEntryRoutes(admin: Admin): void {
  const route = {
    summary: 'Entries of a stream, decoded and raw; about 1 MB at most',
    params: streamPath,
    query,
    answer: z.object({ entries: z.array(EntrySchema), next: z.string().optional() }),
  }
  adminRoute(admin, 'get', '/streams/{stream}/entries', route, async ({ params: { stream }, query }) => {
    const { entries, next } = await admin.ports.operations().entries.list(stream, given(query))
    return { entries: entries.map((entry) => decoded(stream, entry)), ...(next !== undefined && { next }) }
  })
}

function decoded(stream: string, entry: ListedEntry): object {
  if (entry.truncated) return entry
  try {
    const { id, type, time, data, key, headers } = decodeEntry(stream, entry)
    return { ...entry, event: given({ id, type, time, key, data, headers }) }
  } catch (error) {
    return { ...entry, undecodable: toError(error).message }
  }
}

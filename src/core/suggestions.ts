import { MillraceError, type ErrorCode } from './errors.ts'
import type { GroupMembers } from './group-members.ts'
import { nearestName } from './nearest.ts'
import type { StreamCatalogue } from './stream-catalogue.ts'
import type { StreamInfos } from './stream-info.ts'

/** What somebody asked for by name. */
export interface AskedFor {
  stream?: string
  group?: string
  consumer?: string
}

/** Where names are looked up; `Operations` is one. */
export interface NameSource {
  readonly catalogue: Pick<StreamCatalogue, 'names'>
  readonly streams: Pick<StreamInfos, 'info'>
  readonly members: Pick<GroupMembers, 'consumers'>
}

/** How long is looked for a name that somebody mistook, in ms: the answer is late enough as it is. */
const PATIENCE_MS = 1_000

/**
 * The error of a name that is not there, with the one that was probably meant at its end: `; did you mean
 * "user:events"?`. Any other error, and where none is near or looking for it fails or takes long, the error as it is.
 *
 * @example
 * const preview = await operations.resets.preview(request).catch(async (error: unknown) => {
 *   throw await suggestName(error, request, operations)
 * })
 */
export async function suggestName(thrown: unknown, asked: AskedFor, source: NameSource): Promise<unknown> {
  const what = thrown instanceof MillraceError ? KINDS[thrown.code] : undefined
  const name = what && asked[what]
  if (what === undefined || name === undefined) return thrown
  const known = await LOOK_UPS[what](asked, source).catch(() => [])
  const nearest = nearestName(name, known)
  if (nearest === undefined || nearest === name) return thrown
  const { code, message } = thrown as MillraceError
  return new MillraceError(code, `${message}; did you mean ${JSON.stringify(nearest)}?`, { cause: thrown })
}

const KINDS: Partial<Record<ErrorCode, keyof AskedFor>> = {
  UNKNOWN_STREAM: 'stream',
  UNKNOWN_GROUP: 'group',
  UNKNOWN_CONSUMER: 'consumer',
}

type LookUp = (asked: AskedFor, source: NameSource) => Promise<readonly string[]>

const LOOK_UPS: Record<keyof AskedFor, LookUp> = {
  stream: (_, { catalogue }) => catalogue.names({ signal: AbortSignal.timeout(PATIENCE_MS) }),
  async group({ stream = '' }, { streams }) {
    const groups = (await streams.info(stream))?.groups ?? []
    return groups.map(({ group }) => group)
  },
  async consumer({ stream = '', group = '' }, { members }) {
    const consumers = await members.consumers(stream, group)
    return consumers.filter(({ state }) => state !== 'retry').map(({ name }) => name)
  },
}

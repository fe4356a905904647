import { tail, type TailedEntry } from '../../bus/tail.ts'
import type { MillraceError } from '../../core/errors.ts'
import { decryptEvent } from '../../middleware/decrypt.ts'
import type { KeyRing } from '../../middleware/key-ring.ts'
import { CommandError, EXIT } from '../exit.ts'
import { print, printJson, type Io } from '../io.ts'
import { harmless } from '../output/text.ts'
import { withRedis, type RedisFlags } from '../with-redis.ts'

export interface TailFlags extends RedisFlags {
  from: string
  follow: boolean
  limit?: string
  json?: boolean
}

/** `millrace tail`: shows the events of a stream without a group, so nobody's position changes. */
export async function tailCommand(io: Io, stream: string, flags: TailFlags): Promise<void> {
  const limit = parseLimit(flags.limit)
  await withRedis(io, flags, async (log, ring) => {
    let shown = 0
    for await (const tailed of tail(log, stream, {
      from: flags.from,
      follow: flags.follow,
      signal: io.signal,
    })) {
      const shownEntry = ring ? await opened(ring, stream, tailed) : tailed
      await (flags.json ? printJson(io, toJson(shownEntry)) : print(io, toLine(shownEntry)))
      if (++shown === limit) return
    }
  })
}

/** Decrypted; what does not open is shown as it stands in the stream, with the reason. */
async function opened(ring: KeyRing, stream: string, tailed: TailedEntry): Promise<TailedEntry> {
  const { event } = tailed
  if (!event) return tailed
  try {
    const open = await decryptEvent(ring, event, { from: [stream], allowPlaintext: true })
    return { ...tailed, event: open }
  } catch (error) {
    return { ...tailed, error: error as MillraceError }
  }
}

function parseLimit(text: string | undefined): number {
  if (text === undefined) return Infinity
  const limit = Number(text)
  if (Number.isInteger(limit) && limit > 0) return limit
  throw new CommandError(`--limit takes a whole number from 1 on, not "${text}"`, EXIT.usage)
}

function toJson({ position, entry, event, error }: TailedEntry): object {
  if (!event) return { position, error: error!.message, fields: entry.fields }
  const { id, type, time, key, data, headers } = event
  return { position, id, type, time, key, data, headers, ...(error && { error: error.message }) }
}

function toLine({ position, event, error }: TailedEntry): string {
  const parts = event
    ? [position, event.time, event.type, event.key ?? '-', error?.message ?? JSON.stringify(event.data)]
    : [position, '-', 'undecodable', '-', error!.message]
  return harmless(parts.join('  '))
}

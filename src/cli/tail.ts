import { tail, type TailedEntry } from '../bus/tail.ts'
import { CommandError, EXIT } from './exit.ts'
import { print, printJson, type Io } from './io.ts'
import { withRedis, type RedisFlags } from './with-redis.ts'

export interface TailFlags extends RedisFlags {
  from: string
  follow: boolean
  limit?: string
  json?: boolean
}

/** `millrace tail`: shows the events of a stream without a group, so nobody's position changes. */
export async function tailCommand(io: Io, stream: string, flags: TailFlags): Promise<void> {
  const limit = parseLimit(flags.limit)
  await withRedis(io, flags, async (log) => {
    let shown = 0
    for await (const tailed of tail(log, stream, {
      from: flags.from,
      follow: flags.follow,
      signal: io.signal,
    })) {
      await (flags.json ? printJson(io, toJson(tailed)) : print(io, toLine(tailed)))
      if (++shown === limit) return
    }
  })
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
  return { position, id, type, time, key, data, headers }
}

// oxlint-disable-next-line no-control-regex -- a terminal must not obey what somebody published
const CONTROL_CHARACTERS = /[\u0000-\u001f\u007f-\u009f]/g

function toLine({ position, event, error }: TailedEntry): string {
  const parts = event
    ? [position, event.time, event.type, event.key ?? '-', JSON.stringify(event.data)]
    : [position, '-', 'undecodable', '-', error!.message]
  return parts.join('  ').replace(CONTROL_CHARACTERS, '?')
}

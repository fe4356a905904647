import { isUtf8 } from 'node:buffer'
import { fromCloudEvent } from '../../../core/cloud-event.ts'
import { toError } from '../../../core/errors.ts'
import type { NewEvent } from '../../../core/event.ts'
import type { SourceItem } from '../../../core/source.ts'
import { ABSENT, valueAt, type Path } from '../../configured/members.ts'
import type { Decoded } from './formats.ts'
import type { FileRecord } from './records.ts'

/** Makes an event of what a line says. Throws with the reason where it can't. */
export type ToEvent = (data: unknown) => NewEvent

/** What becomes of a line; nothing of a blank one. */
export function itemOf(
  token: string,
  name: string,
  record: FileRecord,
  decoded: Decoded,
  toEvent: ToEvent,
): SourceItem | undefined {
  if (decoded === undefined) return undefined
  const id = `${token}@${record.start}`
  const bad = (reason: string): SourceItem => ({
    raw: shown(record.bytes),
    reason: `${name}, line ${record.line}: ${reason}`,
    id,
  })
  if ('fault' in decoded) return bad(decoded.fault)
  try {
    return { event: toEvent(decoded.data), id }
  } catch (error) {
    return bad(toError(error).message)
  }
}

/** What is no text can't stand in a dead letter as it is. */
const shown = (bytes: Buffer): string =>
  isUtf8(bytes) ? bytes.toString().replace(/\r?\n$/, '') : `base64:${bytes.toString('base64')}`

export const cloudEvent: ToEvent = (data) => {
  const { source: _, ...event } = fromCloudEvent(data)
  return event
}

/** Where in a line the parts of its event stand. */
export interface EventParts {
  readonly eventType: string | { readonly field: string }
  readonly key?: string
  readonly time?: string
  readonly id?: string
}

const pathOf = (text: string | undefined): Path | undefined => text?.split('.')

export function eventFrom({ eventType, ...paths }: EventParts): ToEvent {
  const typePath = typeof eventType === 'string' ? undefined : pathOf(eventType.field)
  const [key, time, id] = [pathOf(paths.key), pathOf(paths.time), pathOf(paths.id)]
  return (data) => ({
    type: typePath ? required(data, typePath) : (eventType as string),
    data,
    key: optional(data, key),
    time: timeAt(data, time),
    id: optional(data, id),
  })
}

function required(data: unknown, path: Path): string {
  const text = optional(data, path)
  if (text === undefined) throw new Error(`there is nothing at ${JSON.stringify(path.join('.'))}`)
  return text
}

function optional(data: unknown, path: Path | undefined): string | undefined {
  const value = path ? valueAt(data, path) : ABSENT
  if (value === ABSENT || value === null || value === '') return undefined
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return String(value)
  throw new Error(`what stands at ${JSON.stringify(path!.join('.'))} is neither a text nor a number`)
}

/** A number is ms since 1970. */
function timeAt(data: unknown, path: Path | undefined): string | undefined {
  const value = path ? valueAt(data, path) : ABSENT
  if (typeof value !== 'number') return optional(data, path)
  const time = new Date(value)
  if (!Number.isNaN(time.getTime())) return time.toISOString()
  throw new Error(`${value} at ${JSON.stringify(path!.join('.'))} is no time in ms since 1970`)
}

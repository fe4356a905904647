import { createHash } from 'node:crypto'
import { holdsJson } from './codec.ts'
import { InvalidError, toError, type Issue } from './errors.ts'
import type { NewEvent } from './event.ts'
import { parseStrictJson } from './strict-json.ts'

/** What identifies a CloudEvent: whoever sends it again sends the same two. */
export interface CloudEventIdentity {
  readonly source: string
  readonly id: string
}

/** As deep as a request may be. */
const JSON_DEPTH = 64
const ATTRIBUTE_NAME = /^[a-z0-9]{1,64}$/
const DATE_TIME = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/
const TEXT_TYPE = /^(?:text\/|[\w.+-]+\/(?:xml|[\w.+-]+\+xml)\s*(?:;|$))/i

/** Those that have a place of their own in an event; `millraceentry` says where the file sink took a line from. */
const PLACED: ReadonlySet<string> = new Set([
  'data',
  'data_base64',
  'id',
  'millraceentry',
  'partitionkey',
  'specversion',
  'time',
  'type',
])
const REQUIRED = ['id', 'source', 'type'] as const
/** Never empty where they are there. */
const TEXTS = [...REQUIRED, 'subject', 'datacontenttype', 'dataschema', 'partitionkey', 'time'] as const

/** Whether it is a text, and so has a place in JSON and in an entry. */
export const isTextType = (contentType: string): boolean => TEXT_TYPE.test(contentType)

/**
 * The event in a CloudEvent 1.0 in JSON (structured mode). Its `source`, `subject`, `datacontenttype` and extensions are
 * headers of it, so that {@link toCloudEvent} of `connectors` makes the same of it again.
 *
 * - Data is JSON; or a text, where `datacontenttype` says so. `data_base64` is taken where it holds one of both.
 * - What is null is as good as absent, as CloudEvents has it.
 *
 * @throws InvalidError `EVENT_INVALID` with every attribute at fault
 *
 * @example
 * fromCloudEvent({ specversion: '1.0', id: '1', source: 'shop', type: 'order.placed', data: { total: 12 } })
 * // { id: '1', type: 'order.placed', data: { total: 12 }, headers: { source: 'shop' } }
 */
export function fromCloudEvent(value: unknown): NewEvent & CloudEventIdentity {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw refused([{ path: '', message: 'must be an object with the attributes of a CloudEvent' }])
  const attributes = new Map(Object.entries(value).filter(([, one]) => one !== null && one !== undefined))
  const issues = issuesOf(attributes)
  const headers = headersOf(attributes, issues)
  const data = dataOf(attributes, issues)
  if (issues.length > 0) throw refused(issues)
  const text = (name: string) => attributes.get(name) as string
  return {
    id: text('id'),
    type: text('type'),
    source: text('source'),
    data,
    headers,
    ...(attributes.has('time') && { time: text('time') }),
    ...(attributes.has('partitionkey') && { key: text('partitionkey') }),
  }
}

/** An idempotency key by which an event that is sent again is known. */
export const identityKey = ({ source, id }: CloudEventIdentity): string =>
  `cloudevent:${createHash('sha256')
    .update(JSON.stringify([source, id]))
    .digest('base64url')}`

function issuesOf(attributes: ReadonlyMap<string, unknown>): Issue[] {
  const issues: Issue[] = []
  if (attributes.get('specversion') !== '1.0') issues.push({ path: 'specversion', message: 'must be "1.0"' })
  for (const path of REQUIRED) if (!attributes.has(path)) issues.push({ path, message: 'is required' })
  for (const path of TEXTS) {
    const value = attributes.get(path)
    if (value !== undefined && (typeof value !== 'string' || value === ''))
      issues.push({ path, message: 'must be a text that is not empty' })
  }
  const time = attributes.get('time')
  if (typeof time === 'string' && !(DATE_TIME.test(time) && !Number.isNaN(Date.parse(time))))
    issues.push({ path: 'time', message: 'must be a time by RFC 3339, such as 2026-01-28T10:00:00Z' })
  return issues
}

/** A map without a prototype would be dearer; `__proto__` is no name that CloudEvents allows. */
function headersOf(attributes: ReadonlyMap<string, unknown>, issues: Issue[]): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, value] of attributes) {
    if (PLACED.has(name)) continue
    if (!ATTRIBUTE_NAME.test(name))
      issues.push({ path: name.slice(0, 100), message: 'is no name of an attribute: a to z and 0 to 9' })
    else if (!['string', 'number', 'boolean'].includes(typeof value))
      issues.push({ path: name, message: 'must be a text, a number or a boolean' })
    // What an entry says by saying nothing.
    else if (name !== 'datacontenttype' || value !== 'application/json') headers[name] = String(value)
  }
  return headers
}

function dataOf(attributes: ReadonlyMap<string, unknown>, issues: Issue[]): unknown {
  const contentType = attributes.get('datacontenttype')
  const isJson = typeof contentType !== 'string' || holdsJson(contentType)
  const [data, base64] = [attributes.get('data'), attributes.get('data_base64')]
  if (base64 !== undefined) {
    if (data !== undefined) issues.push({ path: 'data_base64', message: 'can not be there beside data' })
    return collected(issues, () => decoded(base64, contentType))
  }
  if (isJson) return data === undefined ? null : data
  if (data === undefined) return ''
  if (typeof data !== 'string')
    issues.push({
      path: 'data',
      message: `must be a text, since it is of type ${JSON.stringify(contentType)}`,
    })
  return data
}

function collected(issues: Issue[], read: () => unknown): unknown {
  try {
    return read()
  } catch (error) {
    issues.push({ path: 'data_base64', message: toError(error).message })
    return undefined
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function decoded(base64: unknown, contentType: unknown): unknown {
  if (typeof base64 !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) throw new Error('is no base64')
  if (typeof contentType !== 'string' || !(holdsJson(contentType) || isTextType(contentType)))
    throw new Error('holds binary data, which is not taken; send JSON or a text')
  let text: string
  try {
    text = utf8.decode(Buffer.from(base64, 'base64'))
  } catch {
    throw new Error('is no text in UTF-8')
  }
  return holdsJson(contentType) ? parseStrictJson(text, JSON_DEPTH) : text
}

const refused = (issues: readonly Issue[]) =>
  new InvalidError('EVENT_INVALID', 'it is no CloudEvent that can be taken', issues)

import type { Context } from 'hono'
import { isTextType } from '../core/cloud-event.ts'
import { holdsJson } from '../core/codec.ts'
import { parseBody, readText, wrongType } from './body.ts'
import { HttpError } from './http-error.ts'
import type { PublishLimits } from './publish-routes.ts'
import type { ServerEnv } from './server-env.ts'

export const EVENT_TYPE = 'application/cloudevents+json'
export const BATCH_TYPE = 'application/cloudevents-batch+json'

/** What a request in any of the modes says, each event as in structured mode; not checked yet. */
export interface CloudEventsBody {
  readonly isBatch: boolean
  readonly events: readonly unknown[]
}

const ATTRIBUTE = 'ce-'
const OF_BODY: ReadonlySet<string> = new Set(['ce-data', 'ce-data_base64'])
const WANTED = `${EVENT_TYPE}, ${BATCH_TYPE}, or any JSON or text with ce-* headers, in UTF-8`

/**
 * The events in the body of a request, or in its body and headers (binary mode).
 *
 * @throws HttpError for another type, a body that is too large or no JSON, and a batch of none or of too many
 */
export async function readCloudEvents(
  c: Context<ServerEnv>,
  limits: PublishLimits,
): Promise<CloudEventsBody> {
  const type = c.req.raw.headers.get('content-type')
  const [essence, charset] = typeOf(type ?? '')
  if (charset !== undefined && !/^"?(?:utf-8|us-ascii)"?$/.test(charset)) throw unsupported(type)
  const { bodyBytes, batchBodyBytes, jsonDepth } = limits
  if (essence === BATCH_TYPE)
    return batchOf(parseBody(await readText(c, batchBodyBytes), jsonDepth), limits.batchEvents)
  if (essence === EVENT_TYPE)
    return { isBatch: false, events: [parseBody(await readText(c, bodyBytes), jsonDepth)] }
  const attributes = attributesOf(c.req.raw.headers)
  // CloudEvents has other formats, such as XML, whose types begin like ours.
  if (attributes['specversion'] === undefined || essence.startsWith('application/cloudevents'))
    throw unsupported(type)
  return { isBatch: false, events: [await binary(c, type, attributes, limits)] }
}

/** A media type without its parameters, and the one that says how a text is written. */
function typeOf(type: string): [essence: string, charset: string | undefined] {
  const [essence = '', ...parameters] = type
    .toLowerCase()
    .split(';')
    .map((part) => part.trim())
  return [essence, parameters.find((one) => one.startsWith('charset='))?.slice('charset='.length)]
}

const unsupported = (type: string | null): HttpError =>
  wrongType(type, WANTED, `${EVENT_TYPE}, ${BATCH_TYPE}`)

function batchOf(events: unknown, max: number): CloudEventsBody {
  if (!Array.isArray(events)) throw wrongBatch('must be an array of CloudEvents')
  if (events.length === 0) throw wrongBatch('must hold at least one event')
  if (events.length > max) throw wrongBatch(`holds ${events.length} events; at most ${max} are taken at once`)
  return { isBatch: true, events }
}

const wrongBatch = (message: string) =>
  new HttpError('REQUEST_INVALID', `the batch ${message}`, { issues: [{ path: '', message }] })

async function binary(
  c: Context<ServerEnv>,
  type: string | null,
  attributes: Record<string, string>,
  { bodyBytes, jsonDepth }: PublishLimits,
): Promise<object> {
  if (type !== null && !holdsJson(type) && !isTextType(type)) throw unsupported(type)
  const text = await readText(c, bodyBytes)
  // The type of the data is that of the body; without a type there must be no data.
  if (text === '') return attributes
  if (type === null) throw unsupported(type)
  const data = holdsJson(type) ? parseBody(text, jsonDepth) : text
  return { ...attributes, ...(typeOf(type)[0] !== 'application/json' && { datacontenttype: type }), data }
}

/** Those in the headers; what is no ASCII in them is percent-encoded. Data are in the body. */
function attributesOf(headers: Headers): Record<string, string> {
  const found = [...headers].filter(([name]) => name.startsWith(ATTRIBUTE))
  for (const [name] of found)
    if (OF_BODY.has(name)) throw wrongHeader(name, 'is no attribute: put the data into the body')
  return Object.fromEntries(
    found.map(([name, value]) => [name.slice(ATTRIBUTE.length), decoded(name, value)]),
  )
}

function decoded(name: string, value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    throw wrongHeader(name, 'is no UTF-8 in percent-encoding')
  }
}

const wrongHeader = (name: string, message: string) =>
  new HttpError('REQUEST_INVALID', `the header ${name} ${message}`, { issues: [{ path: name, message }] })

/** The problem that something is answered with. */
export interface Verdict {
  status: number
  code: string
}

/** One row of the table: what comes over the wire, and what it has to be answered with. */
export interface BadRequest extends Verdict {
  what: string
  wire: Wire
  /** The fields at fault, where they are told. */
  errors?: readonly string[]
  /** Statuses of what is answered before, over the same connection. */
  after?: readonly number[]
  /** The client ends its side after the last byte. */
  ends?: boolean
}

/** What is written to the socket. */
export type Wire = string | Uint8Array

export interface Parts {
  method?: string
  path?: string
  /** A list stands for the header given several times; undefined takes one of the usual ones away. */
  headers?: Readonly<Record<string, string | readonly string[] | undefined>>
  body?: Wire
}

export const CUSTOM = '/api/events/custom'
export const BATCH = '/api/events/batch'
export const PROCESSED = '/api/events/processed'
export const ADMIN = '/api/admin'
export const SETTINGS = '/api/admin/settings'

const key = (letter: string): string => `mr_${'0'.repeat(8)}_${letter.repeat(43)}`

/** The keys of the service that the table is run against, by what they may do. */
export const KEYS = {
  everything: key('e'),
  publish: key('p'),
  read: key('r'),
  expired: key('x'),
  /** Nobody's. */
  unknown: key('u'),
} as const

/** What that service takes; small, so that what is over a limit is no burden for the tests. */
export const LIMITS = { bodyBytes: 50_000, batchBodyBytes: 100_000, batchEvents: 10, jsonDepth: 64 } as const

/** A request that is as it should be, but for what is given. Its connection ends with the answer. */
export function request({ method = 'POST', path = CUSTOM, headers = {}, body }: Parts): Uint8Array {
  const all: Parts['headers'] = {
    Host: 'millrace.test',
    Connection: 'close',
    'X-Api-Key': KEYS.everything,
    ...(body !== undefined && {
      'Content-Type': 'application/json',
      'Content-Length': String(bytes(body).length),
    }),
    ...headers,
  }
  const lines = Object.entries(all).flatMap(([name, value]) =>
    value === undefined ? [] : [value].flat().map((one) => `${name}: ${one}\r\n`),
  )
  return Buffer.concat([bytes(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`), bytes(body ?? '')])
}

/** Text goes as UTF-8. */
export const bytes = (wire: Wire): Uint8Array => (typeof wire === 'string' ? Buffer.from(wire) : wire)

const EVENT = { streamName: 'bad:orders', eventType: 'order.placed', payload: { id: 1 } }

/** A good event in JSON, but for what is given; undefined takes a field away. */
export const event = (change: object = {}): string => JSON.stringify({ ...EVENT, ...change })

/** A good body for a batch, with other events among them. */
export const batch = (...events: readonly unknown[]): string => JSON.stringify({ events })

export const GOOD_EVENT: unknown = EVENT

/** By the name that rows give them. */
export const verdict = {
  badBody: { status: 400, code: 'BODY_INVALID' },
  badName: { status: 400, code: 'NAME_INVALID' },
  badType: { status: 415, code: 'MEDIA_TYPE_UNSUPPORTED' },
  badSetting: { status: 400, code: 'SETTING_INVALID' },
  forbidden: { status: 403, code: 'FORBIDDEN' },
  invalid: { status: 400, code: 'REQUEST_INVALID' },
  notFound: { status: 404, code: 'NOT_FOUND' },
  otherOrigin: { status: 403, code: 'ORIGIN_REFUSED' },
  tooLarge: { status: 413, code: 'BODY_TOO_LARGE' },
  tooManyHeaders: { status: 431, code: 'HEADERS_TOO_LARGE' },
  tooMuch: { status: 429, code: 'RATE_LIMITED' },
  tooSlow: { status: 408, code: 'REQUEST_TOO_SLOW' },
  unauthenticated: { status: 401, code: 'UNAUTHENTICATED' },
  wrongMethod: { status: 405, code: 'METHOD_NOT_ALLOWED' },
} as const

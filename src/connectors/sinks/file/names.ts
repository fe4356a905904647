import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import { positionTime } from '../../../core/position.ts'
import type { SinkEvent } from '../../../core/sink.ts'
import { fingerprintOf } from '../../../postgres/fingerprint.ts'

/** Short of the 255 bytes that file systems take, with room for what is put around it. */
const MAX_LENGTH = 180
const HASH_LENGTH = 16
const FINGERPRINT_LENGTH = 16

/**
 * A name of any characters as the name of a file or folder: percent-encoded, but for letters, digits, `_`, `-` and dots
 * that are not at the beginning. Nothing that it can be leads to another folder, or hides. What is too long is cut, and
 * told apart by a hash behind `~`.
 *
 * @example
 * encodeName('telemetry:events') // 'telemetry%3Aevents'
 * encodeName('../x') // '%2E.%2Fx'
 */
export function encodeName(name: string): string {
  const encoded = encodeURIComponent(name)
    .replaceAll(/[!'()*~]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replace(/^\./, '%2E')
  if (encoded.length <= MAX_LENGTH) return encoded
  const hash = createHash('sha256').update(name).digest('hex').slice(0, HASH_LENGTH)
  return `${encoded.slice(0, MAX_LENGTH)}~${hash}`
}

/** Which event it is: the same each time that it comes, and no other's, also where positions come again. */
export function identityOf({ stream, position, part, entry }: SinkEvent): string {
  const fingerprint = fingerprintOf([stream, ...entry.fields]).slice(0, FINGERPRINT_LENGTH)
  return `${position}/${part}/${fingerprint}`
}

/** The folder of a minute: small enough to be listed, at any rate that a disk can take. */
export function minuteFolder(position: string): string {
  const date = new Date(positionTime(position))
  if (Number.isNaN(date.getTime())) return 'undated'
  const text = date.toISOString()
  return `${text.slice(0, -14)}/${text.slice(-13, -8).replace(':', '-')}`
}

/** `<position>-<part>-<fingerprint>.json` */
export const eventFile = (event: SinkEvent): string => `${identityOf(event).replaceAll('/', '-')}.json`

/** The times of the entries in a segment, in ms. */
export interface Span {
  first: number
  last: number
}

/** A segment by the name of its file. */
export interface SegmentName {
  readonly file: string
  /** Random, and the same in all its names. */
  readonly token: string
  readonly isGzip: boolean
  /**
   * - `open`: somebody writes to it, or did so when they died.
   * - `taken`: it is being closed; nobody who still writes to it counts that as written.
   * - `closed`: its name says how many of its bytes count, once and for all.
   */
  readonly state: 'open' | 'taken' | 'closed'
  /** Of an open one: the process that writes to it. */
  readonly host?: string
  readonly pid?: number
  /** Of a closed one. */
  readonly span?: Span
  readonly bytes?: number
}

const SEGMENT =
  /^(?:(?<open>open|taken)-(?<host>.+)-(?<pid>\d+)|(?<first>\d+)-(?<last>\d+)-(?<bytes>\d+))-(?<token>[0-9a-f]{12})\.jsonl(?<gzip>\.gz)?$/

export const OWN_HOST = encodeName(hostname())

const extension = (isGzip: boolean): string => (isGzip ? '.jsonl.gz' : '.jsonl')

export const openName = (token: string, isGzip: boolean): string =>
  `open-${OWN_HOST}-${process.pid}-${token}${extension(isGzip)}`

export const takenName = (open: string): string => open.replace(/^open-/, 'taken-')

/** As wide as a time of our days, so that names sort by it. */
const TIME_WIDTH = 13

export function closedName(token: string, isGzip: boolean, { first, last }: Span, bytes: number): string {
  const [from, to] = [first, last].map((time) => String(time).padStart(TIME_WIDTH, '0'))
  return `${from}-${to}-${bytes}-${token}${extension(isGzip)}`
}

/** Undefined for a file that is no segment. */
export function parseSegmentName(file: string): SegmentName | undefined {
  const { open, host, pid, first, last, bytes, token, gzip } = SEGMENT.exec(file)?.groups ?? {}
  if (token === undefined) return undefined
  const common = { file, token, isGzip: gzip !== undefined }
  if (open) return { ...common, state: open as 'open' | 'taken', host: host!, pid: Number(pid) }
  const span = { first: Number(first), last: Number(last) }
  return { ...common, state: 'closed', span, bytes: Number(bytes) }
}

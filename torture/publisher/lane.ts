import type { MillraceError } from '../../src/core/errors.ts'
import type { NewEvent } from '../../src/core/event.ts'
import { PUBLISHED, type EvidenceWriter } from '../evidence.ts'
import { payloadOf, traitsOf, type LaneName, type Payload } from '../load.ts'

/** An event that is to be published. */
export interface Numbered {
  readonly id: string
  readonly key: string | undefined
}

export interface LaneContext {
  readonly name: string
  readonly evidence: EvidenceWriter
  /** A canary that the payloads of the encrypted lane carry. */
  readonly secret: string
  /** Whether Redis has replicas that can be waited for. */
  readonly replicated: boolean
}

/** What a publisher knows of an event in the end. */
export type Result = string | MillraceError

export function eventOf(lane: LaneName, { id, key }: Numbered, secret?: string): NewEvent<Payload> {
  const data = payloadOf(id, traitsOf(lane, id))
  return { type: 'event', id, key, data: secret === undefined ? data : { ...data, secret } }
}

export function writeIntents(evidence: EvidenceWriter, lane: LaneName, events: readonly Numbered[]): void {
  const at = Date.now()
  evidence.write(
    `published.${lane}`,
    events.map(({ id, key = '' }) => [PUBLISHED.intent, at, id, key]),
  )
}

export function writeResults(
  evidence: EvidenceWriter,
  lane: LaneName,
  events: readonly Numbered[],
  results: readonly Result[],
): void {
  const at = Date.now()
  evidence.write(
    `published.${lane}`,
    events.map(({ id }, index) => [...resultColumns(at, id, results[index]!)]),
  )
}

const resultColumns = (at: number, id: string, result: Result): (string | number)[] => {
  if (typeof result === 'string') return [PUBLISHED.ok, at, id, result]
  return [isUnknown(result) ? PUBLISHED.unknown : PUBLISHED.failed, at, id, result.code]
}

const UNKNOWN = new Set(['PUBLISH_UNCERTAIN', 'PUBLISH_NOT_REPLICATED'])

export const isUnknown = (result: Result): boolean => typeof result !== 'string' && UNKNOWN.has(result.code)

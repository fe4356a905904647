import type { Sink } from '../../src/core/sink.ts'
import type { Round, Servers } from '../contender.ts'
import { ORDER_TYPE, type Order } from '../payload.ts'

/** An event as it leaves: CloudEvents, as the pipelines write it. */
export interface Outgoing {
  specversion: '1.0'
  id: string
  source: string
  type: string
  time: string
  datacontenttype: 'application/json'
  data: Order
}

/** Where events go. Each round has a place of its own there. */
export interface Target {
  sink(round: Round): Sink
  /** The shortest way to write the same for good: what a team writes on its first day. */
  write(round: Round, batch: readonly Outgoing[]): Promise<void>
  /** How many events the place of a round holds, which is empty from then on. */
  take(round: Round): Promise<number>
}

export type OpenTarget = (servers: Servers) => Promise<Target>

export const outgoing = (source: string, position: string, data: Order): Outgoing => ({
  specversion: '1.0',
  id: position,
  source,
  type: ORDER_TYPE,
  time: new Date(parseInt(position)).toISOString(),
  datacontenttype: 'application/json',
  data,
})

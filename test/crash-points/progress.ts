import { groupKeys, RETRY_CONSUMER } from '../../src/redis/keys.ts'
import { scheduleKeys } from '../../src/redis/schedule/schedule-keys.ts'
import { groupsOf, STRANGER, streamsOf } from './plan.ts'

/** Sends one command to Redis, past all that is tested. */
export type Send = <T>(...command: string[]) => Promise<T>
/** Runs one statement on PostgreSQL, past all that is tested. */
export type Ask = <Row extends object>(text: string, values?: unknown[]) => Promise<Row[]>

/** The flat list of names and values that Redis answers, by name. */
export const toMap = (reply: readonly unknown[]): Map<string, unknown> =>
  new Map(Array.from({ length: reply.length / 2 }, (_, n) => [String(reply[2 * n]), reply[2 * n + 1]]))

/**
 * What is still to be done of a run, in words; empty when nothing is. Consumers of other processes than this one are dead,
 * and still to be removed.
 */
export async function whatIsLeft(run: string, send: Send, ask: Ask): Promise<string[]> {
  const left: string[] = []
  const { orders, notices } = streamsOf(run)
  for (const group of groupsOf(run).filter(({ stream }) => stream === orders.name))
    left.push(...(await leftOf(group, send)))
  // Only now, since what these groups do is added to it.
  const [outbox] = await ask<{ count: number }>(
    'SELECT count(*)::int AS count FROM millrace_outbox WHERE failed_at IS NULL',
  )
  if (outbox!.count > 0) left.push(`${outbox!.count} in the outbox`)
  for (const group of groupsOf(run).filter(({ stream }) => stream === notices.name))
    left.push(...(await leftOf(group, send)))
  const waiting = await send<number>('ZCARD', scheduleKeys(orders.name).due)
  if (waiting > 0) left.push(`${waiting} scheduled`)
  return left
}

/** Those of ours, dead or alive: one that died before it read is known by its heartbeat alone. */
export async function consumersOf(send: Send, stream: string, group: string): Promise<string[]> {
  const consumers = await send<unknown[][]>('XINFO', 'CONSUMERS', stream, group)
  const names = consumers.map((each) => String(toMap(each).get('name')))
  const beating = await send<string[]>('ZRANGE', groupKeys(stream, group).heartbeats, '0', '-1')
  return [...new Set([...names, ...beating])].filter((name) => name !== RETRY_CONSUMER && name !== STRANGER)
}

async function leftOf(
  { stream, group, inlet, retry }: ReturnType<typeof groupsOf>[number],
  send: Send,
): Promise<string[]> {
  const [inlets, retries] = [await send<number>('EXISTS', inlet), await send<number>('EXISTS', retry)]
  const info = await send<unknown[]>('XINFO', 'STREAM', stream).catch(() => undefined)
  if (!info) return [`no stream ${stream}`]
  const last = toMap(info).get('last-generated-id')
  const groups = (await send<unknown[][]>('XINFO', 'GROUPS', stream)).map(toMap)
  const one = groups.find((each) => each.get('name') === group)
  if (!one) return [`no group ${group}`]
  const dead = (await consumersOf(send, stream, group)).filter((name) => !name.includes(`-${process.pid}-`))
  const left: string[] = []
  if (one.get('last-delivered-id') !== last) left.push(`${group} has not read up to ${String(last)}`)
  if (one.get('pending') !== 0) left.push(`${group} has ${String(one.get('pending'))} pending`)
  if (inlets + retries > 0) left.push(`${group} has an inlet or retries`)
  if (dead.length > 0) left.push(`${group} has dead consumers: ${dead.join(', ')}`)
  return left
}

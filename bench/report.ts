import type { AuditDelay, Percentiles } from './audit-delay/measure.ts'
import { BESIDE, type HttpSpeed, type RouteSpeed } from './http/measure.ts'
import type { Memory } from './memory.ts'
import type { Speed } from './race.ts'
import { TOGETHER, type RpcSpeed } from './rpc/measure.ts'
import type { Scenario } from './scenarios.ts'
import { CONNECTIONS, type UserSpeed } from './users/measure.ts'

export const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })

/** A table for people: what each contender did, and how many times that Millrace did. */
export function scenarioTable(scenario: Scenario, speeds: Record<string, Speed>): string {
  const { title, aims, floor, unit = 'events' } = scenario
  const own = speeds['millrace']!
  const rows = Object.entries(speeds).map(([contender, { perSecond, cpuMicros }]) => {
    const measured =
      `  ${contender.padEnd(10)} ${whole.format(perSecond).padStart(9)} ${unit}/s` +
      ` ${cpuMicros.toFixed(1).padStart(6)} µs of Node`
    if (contender === 'millrace')
      return measured + (floor ? against(perSecond, '>=', floor, whole.format) : '')
    const ratio = own.perSecond / perSecond
    const aim = aims[contender]
    return `${measured}   Millrace is ${ratio.toFixed(2).padStart(5)} x that${aim ? against(ratio, '>=', aim, String) : ''}`
  })
  return [title, ...rows, ...growthRow(scenario, own)].join('\n')
}

const growthRow = ({ growthMb: aim }: Scenario, { growthMb }: Speed): string[] =>
  aim === undefined
    ? []
    : [
        `  at its peak ${growthMb.toFixed(0)} MB more than before${against(growthMb, '<', aim, (mb) => `${mb} MB`)}`,
      ]

export function memoryTable(memory: Memory, events: number): string {
  const row = (what: string, value: number, unit: string, aim: number) =>
    `  ${what.padEnd(38)} ${value.toFixed(2).padStart(7)} ${unit.padEnd(2)}${against(value, '<', aim, String)}`
  return [
    'The service, and memory',
    row('service at rest, resident', memory.restMb, 'MB', 130),
    row('start to ready', memory.readySeconds, 's', 3),
    row(`${whole.format(events)} events through a worker add`, memory.growthMb, 'MB', 50),
  ].join('\n')
}

/** A request and its reply, both ends in one process, beside the shortest by hand and a loop that polls. */
export function rpcTable({ alone, together }: RpcSpeed): string {
  const ms = ({ p50 }: { p50: number }) => `p50 ${p50.toFixed(3).padStart(8)} ms`
  const rate = ({ perSecond }: { perSecond: number }) =>
    `${whole.format(perSecond).padStart(9)} round trips/s`
  const longer = alone.millrace.p50 / alone.raw.p50
  const faster = together.millrace.perSecond / together.raw.perSecond
  const shorter = alone.polling.p50 / alone.millrace.p50
  return [
    'Request and reply: beside two blocked readers by hand, and a loop that polls every 100 ms',
    '  one at a time',
    `    millrace ${ms(alone.millrace)}`,
    `    raw      ${ms(alone.raw)}   Millrace takes ${longer.toFixed(2)} x that${against(longer, '<', 1.5, String)}`,
    `    polling  ${ms(alone.polling)}   Millrace is ${shorter.toFixed(0)} x as fast${against(shorter, '>=', 20, String)}`,
    `  ${TOGETHER} at a time`,
    `    millrace ${rate(together.millrace)}`,
    `    raw      ${rate(together.raw)}   Millrace is ${faster.toFixed(2)} x that${against(faster, '>=', 0.7, String)}`,
    `    polling  ${rate(together.polling)}`,
  ].join('\n')
}

/** What the service makes of requests, beside a route that does nothing else. */
export function httpTable({ custom, batch, live }: HttpSpeed): string {
  return [
    'HTTP, 100 connections: the service with one role, keys, metrics and checks on, beside the shortest route',
    ...routeRows('one event a request', custom, 5_000, 50),
    ...routeRows('100 events a request', batch, 50_000),
    `  /health/live beside ${whole.format(BESIDE)} events a second: p99 ${live.p99} ms${against(live.p99, '<', 10, String)}`,
  ].join('\n')
}

function routeRows(
  title: string,
  { millrace, bare, events }: RouteSpeed,
  floor: number,
  latest = Infinity,
): string[] {
  const own = millrace.perSecond * events
  const other = bare.perSecond * events
  const row = (name: string, rate: number, late: number) =>
    `    ${name.padEnd(8)} ${whole.format(rate).padStart(9)} events/s, p97.5 ${late} ms`
  return [
    `  ${title}`,
    row('millrace', own, millrace.p97_5) +
      against(own, '>=', floor, whole.format) +
      (latest < Infinity ? against(millrace.p97_5, '<', latest, (ms) => `${ms} ms`) : ''),
    row('bare', other, bare.p97_5) +
      `   Millrace is ${(own / other).toFixed(2)} x that` +
      against(own / other, '>=', 0.6, String),
  ]
}

/** What comes of a request that changes PostgreSQL and publishes, to the end. */
export const usersTable = ({ perSecond, p50, p95, settledSeconds }: UserSpeed): string =>
  [
    `POST /api/users, ${CONNECTIONS} connections: the service with the roles api and worker, each user with its event, delivered and audited`,
    `  ${whole.format(perSecond)} users/s${against(perSecond, '>=', 1_000, whole.format)}`,
    `  p50 ${p50.toFixed(0)} ms, p95 ${p95.toFixed(0)} ms${against(p95, '<', 120, (ms) => `${ms} ms`)}`,
    `  after the last answer ${settledSeconds.toFixed(2)} s until the last event was processed and its row stood`,
  ].join('\n')

/** How long an event takes to the audit trail of a service at rest. */
export function auditDelayTable({ row, processed }: AuditDelay): string {
  const ms = ({ p50, p95 }: Percentiles) => `p50 ${p50.toFixed(1).padStart(5)} ms, p95 ${p95.toFixed(1)} ms`
  return [
    'From POST /api/events/chat to the audit trail, the service at rest',
    `  row can be read      ${ms(row)}${against(row.p50, '<', 50, (aim) => `${aim} ms`)}`,
    `  row says processed   ${ms(processed)}`,
  ].join('\n')
}

/** The aim, and whether it was met. */
export function against(
  value: number,
  sign: '<' | '>=',
  aim: number,
  format: (aim: number) => string,
): string {
  const met = sign === '<' ? value < aim : value >= aim
  return `   aim ${sign} ${format(aim)}: ${met ? 'met' : 'MISSED'}`
}

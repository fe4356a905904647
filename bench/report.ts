import { BESIDE, type HttpSpeed, type RouteSpeed } from './http/measure.ts'
import type { Memory } from './memory.ts'
import type { Scenario } from './scenarios.ts'

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })

/** A table for people: what each contender did, and how many times that Millrace did. */
export function scenarioTable({ title, aims, floor }: Scenario, rates: Record<string, number>): string {
  const own = rates['millrace']!
  const rows = Object.entries(rates).map(([contender, rate]) => {
    const measured = `  ${contender.padEnd(10)} ${whole.format(rate).padStart(9)} events/s`
    if (contender === 'millrace') return measured + (floor ? against(own, '>=', floor, whole.format) : '')
    const ratio = `   Millrace is ${(own / rate).toFixed(2).padStart(5)} x that`
    const aim = aims[contender]
    return measured + ratio + (aim ? against(own / rate, '>=', aim, String) : '')
  })
  return [title, ...rows].join('\n')
}

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

function against(value: number, sign: '<' | '>=', aim: number, format: (aim: number) => string): string {
  const met = sign === '<' ? value < aim : value >= aim
  return `   aim ${sign} ${format(aim)}: ${met ? 'met' : 'MISSED'}`
}

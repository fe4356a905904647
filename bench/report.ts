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

function against(value: number, sign: '<' | '>=', aim: number, format: (aim: number) => string): string {
  const met = sign === '<' ? value < aim : value >= aim
  return `   aim ${sign} ${format(aim)}: ${met ? 'met' : 'MISSED'}`
}

import type { Memory } from './memory.ts'
import type { Scenario } from './scenarios.ts'

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })

/** A table for people: what each contender did, and how many times that Millrace did. */
export function scenarioTable(
  name: string,
  { targets, floor }: Scenario,
  rates: Record<string, number>,
): string {
  const own = rates['millrace']!
  const lines = Object.entries(rates).map(([contender, rate]) => {
    const target = targets.find(({ than }) => than === contender)
    const ratio = contender === 'millrace' ? '' : `millrace is ${(own / rate).toFixed(2)} x`
    const aim = target
      ? `aim ${target.times} x`
      : contender === 'millrace' && floor
        ? `aim ${whole.format(floor)}`
        : ''
    return `  ${contender.padEnd(10)} ${whole.format(rate).padStart(9)} events/s   ${ratio.padEnd(20)} ${aim}`
  })
  return [name, ...lines].join('\n')
}

export const memoryTable = ({ restMb, readySeconds, growthMb }: Memory): string =>
  [
    'memory',
    `  service at rest       ${restMb.toFixed(0)} MB    aim < 130 MB`,
    `  start to ready        ${readySeconds.toFixed(2)} s    aim < 3 s`,
    `  growth by the events  ${growthMb.toFixed(0)} MB    aim < 50 MB`,
  ].join('\n')

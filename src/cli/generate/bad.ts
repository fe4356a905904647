import type { NewEntry } from '../../core/stream-log.ts'
import type { Random } from './random.ts'

/** What may be wrong with an event, in turn. */
export const FAULTS = ['undecodable', 'oversize', 'misshapen'] as const
export type Fault = (typeof FAULTS)[number]

/** More than a publisher writes, and more than Event Hubs takes. */
const OVERSIZE = 1_200_000

/** Entries that no publisher of ours would write: they are there to see what becomes of them. */
export function badEntry(fault: Fault, random: Random): NewEntry {
  const device = `device-${Math.floor(random() * 1_000)}`
  if (fault === 'undecodable')
    return { fields: ['type', 'telemetry.reading', 'data', `{"device":"${device}","temperature":`] }
  if (fault === 'misshapen')
    return { fields: ['type', 'telemetry.reading', 'data', '{"device":17,"temperature":"warm"}'] }
  const data = JSON.stringify({ device, filling: 'x'.repeat(OVERSIZE) })
  return { fields: ['type', 'telemetry.reading', 'data', data] }
}

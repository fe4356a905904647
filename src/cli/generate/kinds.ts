import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import { parse } from 'csv-parse/sync'
import type { NewEvent } from '../../core/event.ts'
import { CommandError, EXIT } from '../exit.ts'
import type { Kind } from './kind-names.ts'
import { wander, type Random } from './random.ts'

/** Makes the next event; those of the real kinds begin anew at the end of their data. */
export type Generator = () => NewEvent

export interface GeneratorOptions {
  devices: number
  random: Random
}

/** @throws CommandError where the data of a kind is not there */
export async function generatorOf(kind: Kind, options: GeneratorOptions): Promise<Generator> {
  if (kind === 'earthquakes') return earthquakes(await dataFile('earthquakes.json'))
  if (kind === 'weather') return weather(await dataFile('weather.csv'))
  return telemetry(options)
}

/** Devices that take turns by chance; their readings wander, and their batteries run down. */
function telemetry({ devices, random }: GeneratorOptions): Generator {
  const all = Array.from({ length: devices }, (_, number) => ({
    name: `device-${number + 1}`,
    temperature: wander(random, 21, 6),
    humidity: wander(random, 45, 20),
    battery: 100,
    sequence: 0,
  }))
  return () => {
    const device = all[Math.floor(random() * all.length)]!
    device.battery = Math.max(0, device.battery - random() * 0.01)
    const data = {
      device: device.name,
      sequence: ++device.sequence,
      temperature: device.temperature(),
      humidity: device.humidity(),
      battery: Math.round(device.battery * 10) / 10,
      at: new Date().toISOString(),
    }
    return { type: 'telemetry.reading', key: device.name, data }
  }
}

interface Earthquake {
  readonly properties: { readonly net?: unknown }
}

/** Those of a week, as the USGS reported them. */
function earthquakes(text: string): Generator {
  const { features } = JSON.parse(text) as { features: readonly Earthquake[] }
  return repeating(features, (quake) => ({
    type: 'earthquake.reported',
    key: String(quake.properties.net ?? 'unknown'),
    data: quake,
  }))
}

/** Days in Seattle and New York. */
function weather(text: string): Generator {
  const rows: Record<string, string>[] = parse(text, { columns: true })
  return repeating(rows, ({ location = '', date = '', weather: condition = '', ...numbers }) => {
    const measured = Object.entries(numbers).map(([name, value]) => [name, Number(value)])
    const data = { location, date, condition, ...Object.fromEntries(measured) }
    return { type: 'weather.observed', key: location, data }
  })
}

function repeating<T>(all: readonly T[], toEvent: (one: T) => NewEvent): Generator {
  let next = 0
  return () => toEvent(all[next++ % all.length]!)
}

/** Beside this module, where the build put it; else of the package that it comes from. */
async function dataFile(name: string): Promise<string> {
  const beside = fileURLToPath(new URL(name, import.meta.url))
  return readFile(existsSync(beside) ? beside : inPackage(name), 'utf8')
}

function inPackage(name: string): string {
  try {
    return join(createRequire(import.meta.url).resolve('vega-datasets'), '../../data', name)
  } catch {
    const message = `there is no ${name} here; it comes with the package vega-datasets: npm i vega-datasets`
    throw new CommandError(message, EXIT.notFound)
  }
}

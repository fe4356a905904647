import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Weather } from './weather.ts'

/** One row of the file: a day in a city; degrees Celsius and metres per second. */
interface Day {
  readonly city: string
  readonly date: string
  readonly max: number
  readonly min: number
  readonly wind: number
  readonly condition: string
}

let days: Promise<ReadonlyMap<string, Day>> | undefined

/**
 * What was observed in a city on the same day of the year, in the last year that has it (2012 to 2015, so the 29th of
 * February is that of 2012). Undefined for a city that the file does not have.
 */
export async function observed(city: string, date: Date): Promise<Weather | undefined> {
  days ??= readDays()
  const day = (await days).get(keyOf(city, date.toISOString()))
  if (!day) return undefined
  const temperature = (day.max + day.min) / 2
  const humidity = humidityOf(temperature, day.min)
  return { temperature, condition: day.condition, humidity, windSpeed: day.wind }
}

/** By city and day of the year; later years stand below earlier ones, and win. */
async function readDays(): Promise<Map<string, Day>> {
  const text = await readFile(fileOfDays(), 'utf8')
  const [, ...lines] = text.trim().split('\n')
  return new Map(lines.map(readDay).map((day) => [keyOf(day.city, day.date), day]))
}

/** The build puts it beside this module: where the built app runs, packages for development need not be there. */
function fileOfDays(): string {
  const beside = fileURLToPath(new URL('weather.csv', import.meta.url))
  if (existsSync(beside)) return beside
  return join(createRequire(import.meta.url).resolve('vega-datasets'), '../../data/weather.csv')
}

/** `location,date,precipitation,temp_max,temp_min,wind,weather`; nothing in the file is quoted. */
function readDay(line: string): Day {
  const [city = '', date = '', , max, min, wind, condition = ''] = line.trim().split(',')
  return { city, date, max: Number(max), min: Number(min), wind: Number(wind), condition }
}

const keyOf = (city: string, isoDate: string): string => `${city.toLowerCase()} ${isoDate.slice(5, 10)}`

/**
 * The file has no humidity. At night the air cools down to about its dew point, so the lowest temperature of the day is taken
 * for that: relative humidity is the vapour pressure there by that at the mean temperature (Magnus formula).
 */
const humidityOf = (mean: number, dewPoint: number): number =>
  (100 * vapourPressure(dewPoint)) / vapourPressure(mean)

const vapourPressure = (celsius: number): number => Math.exp((17.62 * celsius) / (243.12 + celsius))

import { createHash } from 'node:crypto'
import type { Weather } from './weather.ts'

/** Made up, and the same whoever asks: it follows from the city and the day (UTC) alone. */
export function simulated(city: string, date: Date): Weather {
  const [warmth, water, wind] = chances(`${city.toLowerCase()} ${date.toISOString().slice(0, 10)}`)
  const temperature = seasonal(date) - 8 + 16 * warmth
  return {
    temperature,
    condition: conditionOf(temperature, water),
    humidity: 30 + 65 * water,
    windSpeed: 12 * wind ** 2,
  }
}

/** Three numbers from 0 to 1. */
function chances(seed: string): [number, number, number] {
  const digest = createHash('sha256').update(seed).digest()
  const at = (offset: number) => digest.readUInt32BE(offset) / 2 ** 32
  return [at(0), at(4), at(8)]
}

/** From 2 °C in the middle of January to 22 °C in the middle of July. */
function seasonal(date: Date): number {
  const dayOfYear = Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / 86_400_000)
  return 12 - 10 * Math.cos((2 * Math.PI * (dayOfYear - 15)) / 365.25)
}

function conditionOf(temperature: number, water: number): string {
  if (water > 0.7) return temperature < 0 ? 'snow' : 'rain'
  if (water > 0.6) return 'drizzle'
  return water > 0.55 ? 'fog' : 'sun'
}

import { route } from 'millrace'
import { z } from 'zod'
import { weather } from './contract.ts'
import { settings } from './settings.ts'
import { simulated } from './simulation.ts'

const SAMPLE_DAYS = 5
const DAY_MS = 86_400_000
/** For what comes before the request and after its reply. */
const MARGIN_MS = 5_000

const forecast = route(
  'POST /WeatherForecast/city',
  {
    summary: 'The weather of a city, as a proxy answers it',
    tag: 'Weather',
    body: weather.request,
    // Longer than the forecast itself may take: the answer 504 then says that no proxy replied.
    timeoutMs: settings.WEATHER_TIMEOUT_MS + MARGIN_MS,
    answers: { 200: weather.reply },
  },
  // Not cancelled by the signal of the request: a service that stops waits for the replies that are on their way.
  async ({ body }, { request }) => ({ status: 200, body: await request(weather, body) }),
)

const Sample = z.object({
  date: z.iso.date(),
  temperatureC: z.int(),
  temperatureF: z.int(),
  summary: z.string(),
})

const samples = route(
  'GET /WeatherForecast',
  {
    summary: 'Five sample days, made up here',
    tag: 'Weather',
    answers: { 200: z.array(Sample) },
  },
  async () => ({ status: 200, body: sampleDays(new Date()) }),
)

const sampleDays = (now: Date) =>
  Array.from({ length: SAMPLE_DAYS }, (_, index) => {
    const day = new Date(now.getTime() + (index + 1) * DAY_MS)
    const { temperature, condition } = simulated('sample', day)
    return {
      date: day.toISOString().slice(0, 10),
      temperatureC: Math.round(temperature),
      temperatureF: Math.round(32 + temperature * 1.8),
      summary: condition,
    }
  })

export const routes = [forecast, samples]

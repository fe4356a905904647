import { rpc } from 'millrace/rpc'
import { z } from 'zod'
import { settings } from './settings.ts'

const Place = z
  .object({
    city: z.string().trim().min(1).max(100),
    /** A part of the city; it only comes back with the answer. */
    location: z.string().trim().max(100).default(''),
  })
  .meta({ example: { city: 'New York', location: 'Downtown' } })

const Forecast = z
  .object({
    city: z.string(),
    location: z.string(),
    forecastTime: z.iso.datetime().meta({ description: 'When the forecast was made.' }),
    temperature: z.number().meta({ description: 'Of the air, in °C.' }),
    condition: z.string().meta({ description: 'One of drizzle, fog, rain, snow and sun.' }),
    humidity: z.number().min(0).max(100).meta({ description: 'Relative, in per cent.' }),
    windSpeed: z.number().min(0).meta({ description: 'In m/s.' }),
    requestId: z.string(),
    source: z.enum(['observed', 'simulated']),
  })
  .meta({
    description: 'The forecast',
    example: {
      city: 'New York',
      location: 'Downtown',
      forecastTime: '2026-01-28T10:00:00.000Z',
      temperature: -7.3,
      condition: 'sun',
      humidity: 74,
      windSpeed: 4.9,
      requestId: 'r4xK0bTq-1',
      source: 'observed',
    },
  })

/** What an ingress asks and a proxy answers. A requester that writes by hand reads its reply from `weather-responses`. */
export const weather = rpc('weather', {
  stream: 'weather-requests',
  replies: 'weather-responses',
  request: Place,
  reply: Forecast,
  // Without a reply in that time the answer is 504.
  timeout: settings.WEATHER_TIMEOUT_MS,
})

import { responder } from 'millrace/rpc'
import { weather } from './contract.ts'
import { observed } from './observations.ts'
import { simulated } from './simulation.ts'
import { rounded } from './weather.ts'

/** Forecasts from what was observed in New York and Seattle; the weather of other cities is made up. */
export const proxy = responder(weather, { terminals: 5 }, async ({ city, location }, { requestId }) => {
  const now = new Date()
  const known = await observed(city, now)
  return {
    city,
    location,
    forecastTime: now.toISOString(),
    ...rounded(known ?? simulated(city, now)),
    requestId,
    source: known ? ('observed' as const) : ('simulated' as const),
  }
})

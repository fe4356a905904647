/** The weather of a day: °C, per cent, m/s. */
export interface Weather {
  readonly temperature: number
  readonly condition: string
  readonly humidity: number
  readonly windSpeed: number
}

/** One digit after the point: more would look as if somebody knew. */
export const rounded = ({ temperature, condition, humidity, windSpeed }: Weather): Weather => ({
  temperature: Math.round(temperature * 10) / 10,
  condition,
  humidity: Math.round(humidity),
  windSpeed: Math.round(windSpeed * 10) / 10,
})

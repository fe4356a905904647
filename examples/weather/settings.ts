import { InvalidError } from 'millrace'
import { z } from 'zod'
import { environment } from '../environment.ts'

/** The variables of this app, which the service does not know. */
const Settings = z.object({
  /** How long a forecast may take, in ms. */
  WEATHER_TIMEOUT_MS: z
    .string()
    .regex(/^\d{1,9}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().min(1, 'must be at least 1').max(600_000, 'must be at most 600000'))
    .default(30_000),
})

/**
 * Read when the app is loaded: a service does not start while something is wrong.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` with every mistake
 */
function readSettings(given: NodeJS.Dict<string>): z.output<typeof Settings> {
  const { data, error } = Settings.safeParse(given)
  if (data) return data
  const issues = error.issues.map(({ path: [name], message }) => ({
    path: String(name),
    message: `holds ${JSON.stringify(given[String(name)])}, which ${message}`,
  }))
  throw new InvalidError('CONFIGURATION_INVALID', 'the variables of the app are wrong', issues)
}

export const settings = readSettings(environment())

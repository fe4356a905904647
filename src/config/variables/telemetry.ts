import { LOG_LEVELS } from '../../core/settings.ts'
import { listOf, oneOf, onOrOff, ownPort, text } from '../values.ts'
import { define, type Variable } from '../variable.ts'

export const LOG_FORMATS = ['text', 'json'] as const

/** What the service tells of itself. */
export const TELEMETRY = {
  LOG_LEVEL: define({
    about: 'The least important lines to log',
    schema: oneOf(LOG_LEVELS),
    default: 'info',
    reloads: true,
  }),
  LOG_FORMAT: define({
    about: 'Lines for people, or an object a line',
    schema: oneOf(LOG_FORMATS),
    default: 'text',
  }),
  LOG_REDACT_FIELDS: define({
    about: 'Names of fields with personal data, which are masked in logs; secrets always are',
    schema: listOf(text),
    defaultNote: 'none',
  }),
  METRICS_ENABLED: define({
    about: 'Serve metrics for Prometheus at /metrics',
    schema: onOrOff,
    default: 'true',
  }),
  METRICS_PORT: define({
    about: 'A port of their own for metrics and health',
    schema: ownPort,
    defaultNote: 'SERVICE_PORT',
  }),
  TRACE_ENABLED: define({
    about: 'Make spans of what is done, for the OpenTelemetry SDK that the process was started with',
    schema: onOrOff,
    default: 'false',
  }),
} satisfies Record<string, Variable>

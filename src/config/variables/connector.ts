import { z } from 'zod'
import { oneOf, secretText, text } from '../values.ts'
import { define, type Variable } from '../variable.ts'

export const OUTPUT_ADAPTERS = ['LOCAL_FILE', 'EVENT_HUBS'] as const
export const OUTPUT_FORMATS = ['json', 'jsonl'] as const

const adapter = z
  .string()
  .trim()
  .toUpperCase()
  .pipe(z.enum(OUTPUT_ADAPTERS))
  .describe(`one of ${OUTPUT_ADAPTERS.join(', ')}`)

/** What the role `connector` does. */
export const CONNECTOR = {
  OUTPUT_ADAPTER_TYPE: define({
    about: 'Where the connector writes the entries of STREAM_KEY to',
    schema: adapter,
    defaultNote: 'nowhere: only the pipelines of the app and of PIPELINES run',
  }),
  STREAM_KEY: define({
    about: 'The stream that the connector reads',
    schema: text,
    default: 'telemetry:events',
  }),
  CONSUMER_GROUP_NAME: define({
    about: 'The group through which the connector reads it',
    schema: text,
    default: 'eventhub-connector-group',
  }),
  OUTPUT_DIRECTORY: define({
    about: 'Where LOCAL_FILE writes to',
    schema: text,
    default: './output',
  }),
  OUTPUT_FORMAT: define({
    about: 'How LOCAL_FILE writes: json for a file per event, jsonl for a line per event',
    schema: oneOf(OUTPUT_FORMATS),
    default: 'json',
  }),
  EVENT_HUB_CONNECTION_STRING: define({
    about: 'The Event Hubs of EVENT_HUBS, with a key to them',
    schema: secretText,
    secret: 'whole',
  }),
  EVENT_HUB_NAMESPACE: define({
    about: 'The same where DefaultAzureCredential gives the key, such as example.servicebus.windows.net',
    schema: text,
  }),
  EVENT_HUB_NAME: define({
    about: 'The event hub that EVENT_HUBS writes to',
    schema: text,
    defaultNote: 'the EntityPath of EVENT_HUB_CONNECTION_STRING',
  }),
  PIPELINES: define({
    about: 'A JSON file with pipelines for the connector to run',
    schema: text,
    defaultNote: 'none',
  }),
} satisfies Record<string, Variable>

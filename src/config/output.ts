import { defined, type Given } from './servers.ts'
import type { Values, VariableName } from './variables.ts'
import type { OUTPUT_FORMATS } from './variables/connector.ts'

/** What the role `connector` runs beside the pipelines of the app. */
export interface ConnectorConfig {
  /** The one pipeline that the variables declare; undefined where they declare none. */
  output: OutputConfig | undefined
  /** The path of the file of pipelines; undefined for none. */
  pipelines: string | undefined
}

/** As it was written; what it means is checked by the sink. */
export interface OutputConfig {
  stream: string
  group: string
  to: FileOutput | EventHubOutput
}

export interface FileOutput {
  type: 'file'
  directory: string
  format: (typeof OUTPUT_FORMATS)[number]
}

export interface EventHubOutput {
  type: 'event-hubs'
  connectionString?: string
  fullyQualifiedNamespace?: string
  eventHub?: string
}

export const connectorConfig = (values: Values): ConnectorConfig => ({
  output: values.OUTPUT_ADAPTER_TYPE && {
    stream: values.STREAM_KEY,
    group: values.CONSUMER_GROUP_NAME,
    to: values.OUTPUT_ADAPTER_TYPE === 'LOCAL_FILE' ? fileOutput(values) : eventHubOutput(values),
  },
  pipelines: values.PIPELINES,
})

const fileOutput = (values: Values): FileOutput => ({
  type: 'file',
  directory: values.OUTPUT_DIRECTORY,
  format: values.OUTPUT_FORMAT,
})

const eventHubOutput = (values: Values): EventHubOutput => ({
  type: 'event-hubs',
  ...defined({
    connectionString: values.EVENT_HUB_CONNECTION_STRING,
    fullyQualifiedNamespace: values.EVENT_HUB_NAMESPACE,
    eventHub: values.EVENT_HUB_NAME,
  }),
})

const FOR_ALL: readonly VariableName[] = ['STREAM_KEY', 'CONSUMER_GROUP_NAME']
const FOR_FILES: readonly VariableName[] = ['OUTPUT_DIRECTORY', 'OUTPUT_FORMAT']
const FOR_EVENT_HUBS: readonly VariableName[] = [
  'EVENT_HUB_CONNECTION_STRING',
  'EVENT_HUB_NAMESPACE',
  'EVENT_HUB_NAME',
]

/** Variables of an output that is not chosen: whoever set them believes that it is. */
export function unusedOutput({ OUTPUT_ADAPTER_TYPE: chosen, ROLES: roles }: Values, given: Given): string[] {
  if (chosen && !roles.includes('connector'))
    return ['OUTPUT_ADAPTER_TYPE is set and not used, since ROLES has no connector']
  const idle = {
    LOCAL_FILE: FOR_EVENT_HUBS,
    EVENT_HUBS: FOR_FILES,
    none: [...FOR_ALL, ...FOR_FILES, ...FOR_EVENT_HUBS],
  }
  const because = chosen ? `OUTPUT_ADAPTER_TYPE is ${chosen}` : 'OUTPUT_ADAPTER_TYPE is not'
  return idle[chosen ?? 'none']
    .filter((name) => given.has(name))
    .map((name) => `${name} is set and not used, since ${because}`)
}

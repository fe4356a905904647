import type * as EventHubs from '@azure/event-hubs'
import { ConfigurationError } from '../../../core/connector-errors.ts'
import type { EventHubsCredential, ResolvedEventHubs } from './options.ts'

const CLIENT = '@azure/event-hubs'
const IDENTITY = '@azure/identity'

/** @throws ConfigurationError where the client of Azure is not installed */
export async function openClient(options: ResolvedEventHubs): Promise<EventHubs.EventHubProducerClient> {
  const { EventHubProducerClient: Client } = await loadPeer<typeof EventHubs>(CLIENT)
  const { target, eventHub, sendTimeoutMs } = options
  // What failed is tried again by the pipeline, which knows of throttling and of stopping.
  const retryOptions = { maxRetries: 0, timeoutInMs: sendTimeoutMs }
  if ('connectionString' in target) return new Client(target.connectionString, eventHub, { retryOptions })
  const credential = target.credential ?? (await defaultCredential())
  return new Client(target.namespace, eventHub, credential, { retryOptions })
}

async function defaultCredential(): Promise<EventHubsCredential> {
  const { DefaultAzureCredential } = await loadPeer<{
    DefaultAzureCredential: new () => EventHubsCredential
  }>(IDENTITY)
  return new DefaultAzureCredential()
}

/**
 * An optional package, loaded where it is needed.
 *
 * @throws ConfigurationError where it is not installed
 */
export async function loadPeer<T>(name: string): Promise<T> {
  try {
    return (await import(name)) as T
  } catch (cause) {
    const { code, message } = cause as { code?: unknown; message?: unknown }
    const isMissing = code === 'ERR_MODULE_NOT_FOUND' && String(message).includes(name)
    if (!isMissing) throw cause
    throw new ConfigurationError(`the sink for Event Hubs needs ${name}: npm install ${name}`, [], { cause })
  }
}

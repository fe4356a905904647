import { collectIssues, InvalidError, type Issue } from '../../../core/errors.ts'
import { LONGEST_TIMER_MS, requireCounts } from '../../../core/require-counts.ts'
import { checkEventHubsConnection, readEventHubsConnection } from './connection-string.ts'

/** Gives tokens of Microsoft Entra; every credential of `@azure/identity` is one. */
export interface EventHubsCredential {
  getToken(scopes: string | string[]): Promise<{ token: string; expiresOnTimestamp: number } | null>
}

export interface EventHubsConnectOptions {
  /** With a shared access key, as the portal shows it. */
  connectionString: string
  /** Which event hub (the `EntityPath` of the connection string). */
  eventHub?: string
}

export interface EventHubsCredentialOptions {
  /** Such as `example.servicebus.windows.net`. */
  fullyQualifiedNamespace: string
  eventHub: string
  /** Who may send (`DefaultAzureCredential` of `@azure/identity`). */
  credential?: EventHubsCredential
}

export type EventHubsSinkOptions = (EventHubsConnectOptions | EventHubsCredentialOptions) & {
  /** How long Event Hubs may take to answer, in ms (10000); then what was sent counts as lost and is sent again. */
  sendTimeoutMs?: number
  /** Batches of the pipeline that are written at once (2): one is encoded while another one is on its way. */
  concurrency?: number
}

/** Options that are right. */
export interface ResolvedEventHubs {
  readonly eventHub: string
  readonly sendTimeoutMs: number
  readonly concurrency: number
  readonly target:
    | { readonly connectionString: string }
    | { readonly namespace: string; readonly credential: EventHubsCredential | undefined }
  /** Texts that must not get into messages and logs. */
  readonly secrets: readonly string[]
}

const SEND_TIMEOUT_MS = 10_000
const CONCURRENCY = 2
const NAMESPACE = /^[a-z\d](?:[a-z\d.-]*[a-z\d])?(?::\d{1,5})?$/i

/** @throws InvalidError `CONFIGURATION_INVALID` with every mistake, and no secret */
export function resolveEventHubs(options: EventHubsSinkOptions): ResolvedEventHubs {
  const {
    connectionString,
    fullyQualifiedNamespace: namespace,
    credential,
    sendTimeoutMs = SEND_TIMEOUT_MS,
    concurrency = CONCURRENCY,
  } = options as Partial<EventHubsConnectOptions & EventHubsCredentialOptions & EventHubsSinkOptions>
  const issues: Issue[] = []
  if ((connectionString === undefined) === (namespace === undefined))
    issues.push({ path: '', message: 'must have either connectionString or fullyQualifiedNamespace' })
  if (connectionString !== undefined) issues.push(...checkEventHubsConnection(String(connectionString)))
  if (namespace !== undefined) issues.push(...namespaceIssues(namespace, credential))
  const said = connectionString === undefined ? undefined : readEventHubsConnection(String(connectionString))
  const eventHub = options.eventHub ?? said?.eventHub
  issues.push(...hubIssues(eventHub, said?.eventHub))
  collectIssues(issues, () => requireCounts('', { sendTimeoutMs }, ['sendTimeoutMs'], LONGEST_TIMER_MS))
  collectIssues(issues, () => requireCounts('', { concurrency }, ['concurrency']))
  if (issues.length > 0)
    throw new InvalidError('CONFIGURATION_INVALID', 'the sink for Event Hubs can not be used', issues)
  const target = said === undefined ? { namespace: namespace!, credential } : { connectionString: said.text }
  return { eventHub: eventHub!, sendTimeoutMs, concurrency, target, secrets: said?.secrets ?? [] }
}

function namespaceIssues(namespace: string, credential: EventHubsCredential | undefined): Issue[] {
  const issues: Issue[] = []
  if (!NAMESPACE.test(String(namespace)))
    issues.push({
      path: 'fullyQualifiedNamespace',
      message: 'must be a host, such as example.servicebus.windows.net',
    })
  if (credential !== undefined && typeof credential.getToken !== 'function')
    issues.push({ path: 'credential', message: 'must have a method getToken' })
  return issues
}

function hubIssues(eventHub: string | undefined, entityPath: string | undefined): Issue[] {
  if (typeof eventHub !== 'string' || !/^[\w][\w.-]{0,255}$/.test(eventHub))
    return [{ path: 'eventHub', message: 'must be the name of an event hub, here or as EntityPath' }]
  if (entityPath === undefined || entityPath === eventHub) return []
  return [{ path: 'eventHub', message: 'is another one than the EntityPath of the connection string' }]
}

import { inspect } from 'node:util'
import {
  ConfigurationError,
  EventHubsError,
  MessageProcessingError,
  type SinkErrorCode,
} from '../../../core/connector-errors.ts'
import { MillraceError, toError } from '../../../core/errors.ts'
import { MASK, redactText } from '../../../core/redact.ts'

/** The names that the client of Azure gives to what the service says. */
const NOT_FOUND: ReadonlySet<unknown> = new Set(['MessagingEntityNotFoundError', 'ServiceCommunicationError'])
const UNAUTHORIZED: ReadonlySet<unknown> = new Set([
  'AggregateAuthenticationError',
  'AuthenticationError',
  'AuthenticationRequiredError',
  'CredentialUnavailableError',
  'UnauthorizedError',
])
const THROTTLED: ReadonlySet<unknown> = new Set(['QuotaExceededError', 'SenderBusyError', 'ServerBusyError'])
/** The service does not take what it got; anything else that it says is about something else. */
const REFUSED: ReadonlySet<unknown> = new Set([
  'ArgumentError',
  'ArgumentOutOfRangeError',
  'DecodeError',
  'InvalidFieldError',
])
const TOO_LARGE = 'MessageTooLargeError'
/** What the service asks for when it does not say how long. */
const THROTTLED_MS = 4_000
const WAIT = /wait (\d{1,4}(?:\.\d{1,3})?) second/i
const ACCESS = /(SharedAccess(?:Key|Signature)|sig)=[^;&"'\s]+/gi

/** Makes errors of a pipeline of what the client of Azure throws; none of them shows a secret, nor do their causes. */
export class EventHubsFailures {
  readonly #eventHub: string
  readonly #secrets: readonly string[]

  constructor(eventHub: string, secrets: readonly string[]) {
    this.#eventHub = eventHub
    this.#secrets = secrets
  }

  /** Why a connect failed. What is not there is waited for by nobody: its name is wrong. */
  ofConnect(thrown: unknown): Error {
    const { error, name, text } = this.#read(thrown)
    if (error instanceof MillraceError) return error
    if (!NOT_FOUND.has(name)) return this.ofSend(thrown)
    const message = `the event hub ${JSON.stringify(this.#eventHub)} does not exist there: create it, or mend its name (${text})`
    return new ConfigurationError(message, [], { cause: error })
  }

  /** Why a batch was not sent. */
  ofSend(thrown: unknown): Error {
    const { error, name, text } = this.#read(thrown)
    const fault = (code: SinkErrorCode, message: string, retryAfterMs?: number) =>
      new EventHubsError(code, `${message}: ${text}`, {
        cause: error,
        ...(retryAfterMs !== undefined && { retryAfterMs }),
      })
    if (THROTTLED.has(name)) return fault('SINK_THROTTLED', 'Event Hubs wants less', waitOf(text))
    if (UNAUTHORIZED.has(name))
      return fault('SINK_UNAVAILABLE', 'Event Hubs does not let it send; see to its key or role')
    if (name === TOO_LARGE || REFUSED.has(name))
      return fault('SINK_REFUSED', 'Event Hubs does not take what was sent')
    return fault('SINK_UNAVAILABLE', 'Event Hubs can not be reached')
  }

  /** The same for one event that was alone in its batch: where it is at fault, it is a dead letter. */
  ofEvent(thrown: unknown): Error {
    const { error, name, text } = this.#read(thrown)
    if (name === TOO_LARGE) return new MessageProcessingError('EVENT_TOO_LARGE', text, { cause: error })
    if (REFUSED.has(name)) return new MessageProcessingError('EVENT_REFUSED', text, { cause: error })
    return this.ofSend(thrown)
  }

  #read(thrown: unknown): { error: Error; name: unknown; text: string } {
    const given = toError(thrown)
    const name = (given as { code?: unknown }).code ?? given.name
    const text = this.#shown(messageOf(given))
    return { error: this.#withoutSecrets(given, text), name, text }
  }

  /** As it is where nothing in it is secret, since whoever looks for the reason wants all of it. */
  #withoutSecrets(error: Error, text: string): Error {
    const all = inspect(error, { depth: 5 })
    if (this.#shown(all) === all) return error
    const { code } = error as { code?: unknown }
    return Object.assign(new Error(text), { name: error.name, ...(code !== undefined && { code }) })
  }

  #shown(text: string): string {
    let shown = text
    for (const secret of this.#secrets) shown = shown.replaceAll(secret, MASK)
    return redactText(shown.replaceAll(ACCESS, `$1=${MASK}`))
  }
}

/** A host with several addresses fails with one error for each, and none of its own. */
const messageOf = (error: Error): string =>
  error.message || (error instanceof AggregateError && toError(error.errors[0]).message) || error.name

function waitOf(text: string): number {
  const [, seconds] = WAIT.exec(text) ?? []
  return seconds === undefined ? THROTTLED_MS : Number(seconds) * 1_000
}

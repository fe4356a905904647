import type { AddressInfo, Server, Socket } from 'node:net'
import { once } from 'node:events'
import rhea, { type AmqpError, type EventContext, type Receiver, type Sender } from 'rhea'
import { dataOf, Hub, type Partition } from './hub.ts'
import { serveReader } from './reader.ts'
import { judgeToken } from './tokens.ts'

const { message } = rhea

export interface EventHubsServerOptions {
  /** Names of event hubs and how many partitions each has ({ events: 4 }). */
  hubs?: Readonly<Record<string, number>>
  /** What a link takes at most, in bytes (1 MiB). */
  maxMessageBytes?: number
  /** With a certificate it speaks TLS, as the service does. */
  tls?: { readonly key: string; readonly cert: string }
}

/** A batch that arrived and is about to be stored. */
export interface ArrivingBatch {
  readonly hub: string
  readonly partitionKey: string | undefined
  /** The events as they came. */
  readonly raw: readonly Buffer[]
  /** Their bodies, read as JSON. */
  data(): unknown[]
}

/**
 * What becomes of a batch: stored and accepted; stored, and the answer lost with the socket; the socket cut before it is
 * stored; nothing until `release`; or refused.
 */
export type Verdict = 'accept' | 'cutAfterStoring' | 'cutBefore' | 'hang' | AmqpError

const BATCH_FORMAT = 0x80_01_37_00
const TOKENS = '$cbs'
const MANAGEMENT = '$management'
const KEY_NAME = 'RootManageSharedAccessKey'

export const busy = (seconds: number): AmqpError => ({
  condition: 'com.microsoft:server-busy',
  description: `The request was terminated because the namespace is being throttled. Error code : 50002. Please wait ${seconds} seconds and try again.`,
})
export const tooLarge: AmqpError = {
  condition: 'amqp:link:message-size-exceeded',
  description: 'The received message exceeds the limit of the link.',
}
export const unauthorized: AmqpError = {
  condition: 'amqp:unauthorized-access',
  description: "Unauthorized access. 'Send' claim(s) are required to perform this operation.",
}

/**
 * Event Hubs for tests: AMQP 1.0 with SASL, tokens by `$cbs`, `$management`, links in both directions and batched
 * transfers, as the service speaks it; what it holds is in memory. Clients of the service's own libraries reach it by
 * `connectionString()`.
 *
 * @example
 * const server = await EventHubsServer.start({ hubs: { telemetry: 4 } })
 * server.judge = () => busy(1) // what happens to the next batches
 */
export class EventHubsServer {
  readonly hubs = new Map<string, Hub>()
  /** What becomes of each batch; a test puts its own here. */
  judge: (batch: ArrivingBatch) => Verdict = () => 'accept'
  /** Tokens of Microsoft Entra that it takes. */
  readonly jwts = new Set<string>()
  /** How many batches came, whatever became of them. */
  batches = 0
  /** How many connections were opened. */
  connections = 0
  maxMessageBytes: number
  #key = Buffer.from('a key for tests, of 32 bytes....').toString('base64')
  readonly #tls: EventHubsServerOptions['tls']
  readonly #container = rhea.create_container({ id: 'event-hubs-for-tests' })
  readonly #sockets = new Set<Socket>()
  /** Batches that hang. */
  #hanging: (() => void)[] = []
  #listener: Server | undefined
  #port = 0

  static async start(options: EventHubsServerOptions = {}): Promise<EventHubsServer> {
    const server = new EventHubsServer(options)
    await server.back()
    return server
  }

  private constructor({ hubs = { events: 4 }, maxMessageBytes = 1_048_576, tls }: EventHubsServerOptions) {
    for (const [name, partitions] of Object.entries(hubs)) this.hubs.set(name, new Hub(name, partitions))
    this.maxMessageBytes = maxMessageBytes
    this.#tls = tls
    const { sasl_server_mechanisms: mechanisms } = this.#container
    mechanisms.enable_anonymous()
    mechanisms.MSSBCBS = mechanisms.ANONYMOUS
    this.#container.on('connection_open', () => this.connections++)
    this.#container.on('receiver_open', (context: EventContext) => this.#onClientSends(context.receiver!))
    this.#container.on('sender_open', (context: EventContext) => this.#onClientReceives(context.sender!))
    this.#container.on('message', (context: EventContext) => this.#onMessage(context))
    // Clients that go away without a word are what it is for.
    for (const event of ['error', 'disconnected', 'connection_error', 'session_error', 'protocol_error'])
      this.#container.on(event, () => {})
  }

  get port(): number {
    return this.#port
  }

  get key(): string {
    return this.#key
  }

  connectionString({ hub, key = this.#key }: { hub?: string; key?: string } = {}): string {
    const parts = [
      `Endpoint=sb://localhost:${this.#port}`,
      `SharedAccessKeyName=${KEY_NAME}`,
      `SharedAccessKey=${key}`,
      ...(this.#tls ? [] : ['UseDevelopmentEmulator=true']),
      ...(hub === undefined ? [] : [`EntityPath=${hub}`]),
    ]
    return parts.join(';')
  }

  /** Whoever connects from now on needs a connection string with this key. */
  rotateKey(key: string): void {
    this.#key = key
  }

  hub(name: string): Hub {
    const hub = this.hubs.get(name)
    if (!hub) throw new Error(`there is no event hub ${name}`)
    return hub
  }

  /** Stores and accepts the batches that hang. */
  release(): void {
    for (const accept of this.#hanging.splice(0)) accept()
  }

  /** Ends every connection at once, without a word. */
  cut(): void {
    for (const socket of this.#sockets) cutOff(socket)
  }

  /** Nobody listens on the port any more. */
  async away(): Promise<void> {
    const closed = this.#listener && once(this.#listener, 'close')
    this.#listener?.close()
    this.cut()
    await closed
    this.#listener = undefined
  }

  /** Listens, on the same port as before. */
  async back(): Promise<void> {
    const options = { host: 'localhost', port: this.#port, receiver_options: { autoaccept: false } }
    const listener: Server = this.#tls
      ? this.#container.listen({ ...options, ...this.#tls, transport: 'tls' })
      : this.#container.listen({ ...options, transport: 'tcp' })
    listener.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
      socket.on('error', () => {})
    })
    await once(listener, 'listening')
    this.#listener = listener
    this.#port = (listener.address() as AddressInfo).port
  }

  stop(): Promise<void> {
    return this.away()
  }

  #onClientSends(receiver: Receiver): void {
    const address = addressOf(receiver.target)
    receiver.set_target({ address })
    if (isService(address)) return
    const hub = this.hubs.get(address.split('/')[0]!)
    const attach = (receiver as unknown as { local: { attach: { max_message_size: number } } }).local.attach
    attach.max_message_size = this.maxMessageBytes
    if (!hub || !this.#place(hub, address)) receiver.close(notFound(address))
  }

  #onClientReceives(sender: Sender): void {
    const address = addressOf(sender.source)
    sender.set_source({ address })
    if (isService(address)) return
    const [hubName = '', groups, , partitions, id] = address.split('/')
    const partition = this.hubs.get(hubName)?.partitions.find((one) => one.id === id)
    if (groups !== 'ConsumerGroups' || partitions !== 'Partitions' || !partition)
      return sender.close(notFound(address))
    serveReader(sender, partition)
  }

  /** The partition that an address names, else what finds one for each batch. */
  #place(hub: Hub, address: string): ((key: string | undefined) => Partition) | undefined {
    const [, word, id] = address.split('/')
    if (word === undefined) return (key) => hub.partitionFor(key)
    const partition = word === 'Partitions' && hub.partitions.find((one) => one.id === id)
    return partition ? () => partition : undefined
  }

  #onMessage(context: EventContext): void {
    const address = addressOf(context.receiver!.target)
    if (address === TOKENS) return this.#onToken(context)
    if (address === MANAGEMENT) return this.#onManagement(context)
    this.#onBatch(context, address)
  }

  #onToken(context: EventContext): void {
    const { application_properties: properties, body } = context.message!
    const { type, name } = properties as { type: string; name: string }
    const rules = { keyName: KEY_NAME, key: this.#key, jwts: this.jwts }
    const judged = judgeToken(type, String(body), name, rules)
    const hub = decodeURIComponent(new URL(name).pathname).split('/')[1] ?? ''
    const known = this.hubs.has(hub)
    const { status, description } =
      judged.status === 202 && !known ? { status: 404, description: notFound(hub).description } : judged
    answer(context, { 'status-code': status, 'status-description': description }, undefined)
  }

  #onManagement(context: EventContext): void {
    const { name: hubName, partition } = context.message!.application_properties as Record<string, string>
    const hub = this.hubs.get(hubName!)
    const one = hub?.partitions.find(({ id }) => id === partition)
    if (!hub || (partition !== undefined && !one)) {
      const { description } = notFound(hubName!)
      return answer(context, { 'status-code': 404, 'status-description': description }, undefined)
    }
    const body = one ? aboutPartition(hub, one) : aboutHub(hub)
    answer(context, { 'status-code': 200, 'status-description': 'OK' }, body)
  }

  #onBatch(context: EventContext, address: string): void {
    const delivery = context.delivery!
    const { raw, partitionKey } = eventsOf(context)
    const hub = this.hub(address.split('/')[0]!)
    this.batches++
    const verdict = this.judge({ hub: hub.name, partitionKey, raw, data: () => raw.map(dataOf) })
    const store = () => this.#place(hub, address)!(partitionKey).append(raw, partitionKey)
    const accept = () => {
      store()
      delivery.accept()
    }
    if (verdict === 'accept') return accept()
    if (verdict === 'hang') return void this.#hanging.push(accept)
    if (typeof verdict === 'object') return reject(context, verdict)
    if (verdict === 'cutAfterStoring') store()
    cutOff(socketOf(context))
  }
}

const socketOf = ({ connection }: EventContext): Socket =>
  (connection as unknown as { socket: Socket }).socket

/** Without a word to the client; rhea is told, or it would beat its heart for ever. */
function cutOff(socket: Socket): void {
  socket.resetAndDestroy()
  socket.emit('error', new Error('cut off by the test'))
}

/**
 * Answers that lie side by side are written as one, and rhea does not look whether the second of them says the same as the
 * first: a refusal is written by itself.
 */
function reject({ delivery, session }: EventContext, error: AmqpError): void {
  const { incoming } = session as unknown as { incoming: { process(session: unknown): void } }
  incoming.process(session)
  delivery!.reject(error)
  incoming.process(session)
}

const notFound = (address: string): { condition: string; description: string } => ({
  condition: 'amqp:not-found',
  description: `The messaging entity '${address}' could not be found.`,
})

const addressOf = (terminus: unknown): string =>
  String((terminus as { address?: unknown } | null)?.address ?? '')

const isService = (address: string): boolean => address === TOKENS || address === MANAGEMENT

/** A batch is a message whose data sections are messages; what comes in no batch is an event itself. */
function eventsOf(context: EventContext): { raw: Buffer[]; partitionKey: string | undefined } {
  const { format } = context as unknown as { format?: number }
  const isBatch = format === BATCH_FORMAT
  const outer = isBatch ? message.decode(context.message as unknown as Buffer) : context.message!
  const key: unknown = outer.message_annotations?.['x-opt-partition-key']
  const raw = isBatch
    ? [(outer.body as { content: Buffer | Buffer[] }).content].flat()
    : [message.encode(outer)]
  return { raw, partitionKey: key === undefined ? undefined : String(key) }
}

/** Answers a request on the link of the same session that the client opened for it. */
function answer(context: EventContext, properties: Record<string, unknown>, body: unknown): void {
  const { message_id: correlation_id, reply_to } = context.message!
  const link = context.session!.find_sender((sender: Sender) => sender.name === reply_to)
  link?.send({ correlation_id: correlation_id!, to: reply_to!, application_properties: properties, body })
  context.delivery!.accept()
}

const aboutHub = (hub: Hub) => ({
  name: hub.name,
  type: 'com.microsoft:eventhub',
  created_at: hub.createdAt,
  partition_count: hub.partitions.length,
  partition_ids: hub.partitions.map(({ id }) => id),
})

function aboutPartition(hub: Hub, { id, events }: Partition) {
  const last = events.at(-1)
  return {
    name: hub.name,
    type: 'com.microsoft:partition',
    partition: id,
    begin_sequence_number: 0,
    last_enqueued_sequence_number: last?.sequenceNumber ?? -1,
    last_enqueued_offset: last?.offset ?? '-1',
    last_enqueued_time_utc: new Date(last?.enqueuedAt ?? 0),
    is_partition_empty: !last,
  }
}

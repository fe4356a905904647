import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { AppContext } from '../../core/app-context.ts'
import { MillraceError } from '../../core/errors.ts'
import type { AskedContract, RequestOptions } from '../../core/rpc.ts'
import type { Service } from '../../core/service.ts'
import type { RedisStreamLog } from '../../redis/redis-log.ts'
import type { ContractOf } from '../../rpc/contract.ts'
import { RpcClient } from '../../rpc/rpc-client.ts'
import { RpcMetrics } from '../../telemetry/metrics/rpc.ts'
import type { RedisCircuit } from './circuit.ts'
import { tracingOf } from './middleware.ts'
import { hasRole, type ServiceOptions } from './options.ts'
import { outlast } from './outlast.ts'

export interface RpcParts {
  /** Undefined before it is open. */
  log: () => RedisStreamLog | undefined
  circuit: Pick<RedisCircuit, 'refuseWhileOpen'>
  /** What the responders of the app get. */
  context: () => AppContext
  stopping: AbortSignal
}

/** Requests and replies of a service: the role `proxy` answers, and the roles `ingress` and `api` ask. */
export class RpcRoles implements Service {
  readonly metrics = new RpcMetrics(() => this.#calls?.figures ?? [])
  readonly #options: ServiceOptions
  readonly #parts: RpcParts
  #calls: RpcClient | undefined

  constructor(options: ServiceOptions, parts: RpcParts) {
    this.#options = options
    this.#parts = parts
  }

  /** When the loops of its responders last came round, in ms since 1970; undefined where it has none to run. */
  get lastLoops(): readonly number[] | undefined {
    const answers = hasRole(this.#options, 'proxy') && this.#options.app.rpc.length > 0
    return answers ? (this.#calls?.lastLoops ?? []) : undefined
  }

  /** Comes after Redis; an outage meanwhile is waited out. */
  async start(): Promise<void> {
    const { logger } = this.#options
    const log = this.#parts.log()!
    const lines = logger.for('rpc')
    const tracing = tracingOf(this.#options)
    const calls = new RpcClient(log, log.rpc, { log: lines, tracing, times: this.metrics })
    this.#calls = calls
    if (!hasRole(this.#options, 'proxy')) return
    for (const { contract, options, bind } of this.#options.app.rpc) {
      const handler = bind(this.#parts.context())
      await outlast(() => calls.reply(contract, options, handler), lines, this.#parts.stopping)
      lines.info({ stream: contract.stream }, `Answering the requests of ${contract.stream}`)
    }
  }

  /**
   * As the context of the app has it.
   *
   * @throws MillraceError `CIRCUIT_OPEN`; `RPC_UNAVAILABLE` in roles that make no requests
   */
  async request<C extends AskedContract>(
    contract: C,
    data: StandardSchemaV1.InferInput<C['request']>,
    options?: RequestOptions,
  ): Promise<StandardSchemaV1.InferOutput<C['reply']>> {
    if (!hasRole(this.#options, 'api', 'ingress')) throw noRequests(this.#options)
    if (!this.#calls) throw notConnected()
    this.#parts.circuit.refuseWhileOpen()
    // Only `rpc` makes them; core knows no more of one than its types.
    return this.#calls.request(contract as unknown as ContractOf<'one'>, data, options)
  }

  /** Whoever asks here is told at once, so those who may wait for a reply come first. */
  async stop(deadlineMs: number): Promise<void> {
    await this.#calls?.close(deadlineMs)
  }
}

const noRequests = ({ config: { roles } }: ServiceOptions): MillraceError =>
  new MillraceError(
    'RPC_UNAVAILABLE',
    `this process runs the role ${[...roles].join(', ')}, which makes no requests; ask one with the role ingress or api`,
  )

const notConnected = (): MillraceError =>
  new MillraceError('REDIS_UNAVAILABLE', 'the service has no connection to Redis yet; try again soon')

import type { AppContext } from '../core/app-context.ts'
import type { Answer, ContractOf, RequestOut } from './contract.ts'
import { checkReplyOptions, type ReplyOptions } from './reply-options.ts'
import type { ReplyHandler } from './rpc-client.ts'
import type { RequestContext } from './run.ts'

/** What answers the requests of a contract. */
export interface ResponderDeclaration {
  readonly contract: ContractOf<Answer>
  readonly options: ReplyOptions
  /** What runs, once there is a service to run it. */
  readonly bind: (context: AppContext) => ReplyHandler<ContractOf<Answer>>
}

/** As `bus.reply` takes it, with the context of the app in the third place. */
export type ResponderHandler<C extends ContractOf<Answer>> = (
  request: RequestOut<C>,
  run: RequestContext,
  context: AppContext,
) => ReturnType<ReplyHandler<C>>

/**
 * Declares what answers the requests of a contract (`rpc` of `millrace/rpc`): every process with the role `proxy` runs it,
 * and each request is answered by one of them.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` with every option that makes no sense
 * @example
 * defineApp({ rpc: [responder(weather, { terminals: 5 }, ({ city }) => forecast(city))] })
 */
export function responder<C extends ContractOf<Answer>>(
  contract: C,
  options: ReplyOptions,
  handler: ResponderHandler<C>,
): ResponderDeclaration {
  checkReplyOptions(options, handler)
  const bind = (context: AppContext) => (request: unknown, run: RequestContext) =>
    handler(request as RequestOut<C>, run, context)
  return Object.freeze({ contract, options, bind: bind as ResponderDeclaration['bind'] })
}

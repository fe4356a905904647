export type { GatherOptions, RequestOptions } from './ask.ts'
export type { RpcFigures, RpcLog, RpcTimes } from '../core/rpc.ts'
export {
  rpc,
  type Answer,
  type Contract,
  type ContractOf,
  type ContractOptions,
  type ErrorSchemas,
  type ReplyIn,
  type ReplyOut,
  type RequestIn,
  type RequestOut,
} from './contract.ts'
export { responder, type ResponderDeclaration, type ResponderHandler } from './declare-responder.ts'
export type { ReplyOptions } from './reply-options.ts'
export { QuorumError, RpcError, type GatheredReply } from './rpc-error.ts'
export { RpcClient, type ReplyHandler, type RpcOptions } from './rpc-client.ts'
export type { RequestContext } from './run.ts'

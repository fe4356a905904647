import type * as Library from '../src/index.ts'
import type * as PostgresLayer from '../src/postgres/open-postgres.ts'
import type * as RpcLayer from '../src/rpc/index.ts'
import { built } from './built.ts'
import { orderSchema, ORDER_TYPE } from './payload.ts'

export const { connect, stream } = (await import(built('index.js'))) as typeof Library
export const { rpc } = (await import(built('rpc/index.js'))) as typeof RpcLayer
export const { openPostgres } = (await import(built('postgres/open-postgres.js'))) as typeof PostgresLayer

export const orderStream = (name: string) => stream(name, { [ORDER_TYPE]: orderSchema })

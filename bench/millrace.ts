import type * as Library from '../src/index.ts'
import type * as PostgresLayer from '../src/postgres/open-postgres.ts'
import { orderSchema, ORDER_TYPE } from './payload.ts'

/*
 * Millrace as it is published, built JavaScript: tsx keeps the names of functions by a call for each function that is
 * made, which costs on a hot path.
 */
const built = (file: string) => new URL(`../dist/${file}`, import.meta.url).href

export const { connect, stream } = (await import(built('index.js'))) as typeof Library
export const { openPostgres } = (await import(built('postgres/open-postgres.js'))) as typeof PostgresLayer

export const orderStream = (name: string) => stream(name, { [ORDER_TYPE]: orderSchema })

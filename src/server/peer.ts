import type { Context } from 'hono'
import type { ServerEnv } from './server-env.ts'

/** The other end of the socket; undefined where the app is called without one. */
export const peerOf = (c: Context<ServerEnv>): string | undefined => c.env?.incoming?.socket?.remoteAddress

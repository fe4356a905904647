import type { ServerConnection } from './connection.ts'
import { nameOf } from './connections/address.ts'

/** How much memory a server uses, and how much it may use: 0 where it sets itself no limit. */
export interface ServerMemory {
  /** As `host:port`. */
  readonly server: string
  readonly usedBytes: number
  readonly maxBytes: number
}

export async function memoryOf(server: ServerConnection): Promise<ServerMemory> {
  const text = await server.send<string>(['INFO', 'memory'])
  const field = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(text)?.[1] ?? 0)
  return {
    server: nameOf(server.address),
    usedBytes: field('used_memory'),
    maxBytes: field('maxmemory'),
  }
}

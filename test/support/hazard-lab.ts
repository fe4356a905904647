import { afterEach } from 'vitest'
import type { TestServer } from '../../src/engines/test-servers.ts'
import type { Connection } from '../../src/redis/connection.ts'
import type { RedisLogOptions } from '../../src/redis/redis-log.ts'
import { openLab, useChildren, useLab, type StartChild } from './use-lab.ts'
import { useRedis } from './use-redis.ts'
import { GROUP, type Lab } from './worker-lab.ts'

export interface HazardLab {
  readonly server: TestServer
  /** A connection of the test's own. */
  readonly admin: Connection
  /** Workers on a stream of this test alone. */
  readonly lab: Lab
  /** A lab on connections of its own, as another process would have them; on the same stream unless told otherwise. */
  open(options?: Partial<RedisLogOptions>, stream?: string): Promise<Lab>
  /** A worker in a process of its own, on the stream of this test. */
  readonly child: StartChild
  send<T>(...args: string[]): Promise<T>
  /** How many entries are pending, of one consumer or of all. */
  pending(consumer?: string): Promise<number>
}

/** A server for the tests of one file, with workers here and in processes of their own, all of which end with each test. */
export function hazardLab(args: string[] = []): HazardLab {
  const { server, admin } = useRedis({ args })
  const lab = useLab(server)
  const child = useChildren(server, lab)
  const more: Lab[] = []
  afterEach(() => Promise.all(more.splice(0).map((one) => one.close())))
  const send = async <T>(...command: string[]): Promise<T> => {
    await admin.whenReady(10_000)
    return admin.send(command, 30_000)
  }
  return {
    server,
    admin,
    lab,
    child,
    send,
    async open(options = {}, stream = lab.stream) {
      const opened = await openLab({ url: server.url, ...options }, stream)
      more.push(opened)
      return opened
    },
    async pending(consumer) {
      if (consumer === undefined) return (await send<[number]>('XPENDING', lab.stream, GROUP))[0]
      const range = ['XPENDING', lab.stream, GROUP, '-', '+', '1000', consumer]
      return (await send<unknown[]>(...range)).length
    },
  }
}

/** Which deliveries came, by position. */
export class Tally {
  readonly attempts = new Map<string, number[]>()
  readonly count = ({ position, attempt }: { position: string; attempt: number }): void => {
    this.attempts.set(position, [...(this.attempts.get(position) ?? []), attempt])
  }

  has = (positions: readonly string[]): boolean => positions.every((position) => this.attempts.has(position))
}

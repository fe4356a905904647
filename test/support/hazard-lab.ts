import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import { startTestRedis, type TestServer } from '../../src/engines/test-servers.ts'
import { Connection } from '../../src/redis/connection.ts'
import { RedisStreamLog, type RedisLogOptions } from '../../src/redis/redis-log.ts'
import { WorkerChild, type ChildOptions } from './child-process.ts'
import { GROUP, Lab } from './worker-lab.ts'

export interface HazardLab {
  readonly server: TestServer
  /** A connection of the test's own. */
  readonly admin: Connection
  /** Workers on a stream of this test alone. */
  readonly lab: Lab
  /** A lab on connections of its own, as another process would have them; on the same stream unless told otherwise. */
  open(options?: Partial<RedisLogOptions>, stream?: string): Promise<Lab>
  /** A worker in a process of its own, on the stream of this test. */
  child(options: Partial<ChildOptions> & Pick<ChildOptions, 'mode'>): WorkerChild
  send<T>(...args: string[]): Promise<T>
  /** How many entries are pending, of one consumer or of all. */
  pending(consumer?: string): Promise<number>
}

/** A server for the tests of one file, with workers here and in processes of their own, all of which end with each test. */
export function hazardLab(args: string[] = []): HazardLab {
  const hazard = {} as { -readonly [K in keyof HazardLab]: HazardLab[K] }
  let labs: Lab[] = []
  let children: WorkerChild[] = []
  beforeAll(async () => {
    hazard.server = await startTestRedis({ args })
    hazard.admin = await Connection.open({ url: hazard.server.url }, 'test-admin')
  })
  afterAll(async () => {
    await hazard.admin?.close()
    await hazard.server?.stop()
  })
  beforeEach(async () => {
    labs = []
    children = []
    hazard.lab = await hazard.open({}, undefined)
  })
  afterEach(async () => {
    await Promise.all(children.map((child) => child.end()))
    await Promise.all(labs.map((lab) => lab.close()))
  })
  hazard.open = async (options = {}, stream = hazard.lab?.stream) => {
    const log = await RedisStreamLog.open({ url: hazard.server.url, ...options })
    const lab = new Lab(log, () => log.close(), labs.length === 0 ? undefined : stream)
    labs.push(lab)
    return lab
  }
  hazard.child = (options) => {
    const { lab, server } = hazard
    const child = new WorkerChild({
      url: server.url,
      stream: lab.stream,
      attempts: 5,
      concurrency: 5,
      ...options,
    })
    children.push(child)
    return child
  }
  hazard.send = async (...command) => {
    await hazard.admin.whenReady(10_000)
    return hazard.admin.send(command, 30_000)
  }
  hazard.pending = async (consumer) => {
    if (consumer === undefined) return (await hazard.send<[number]>('XPENDING', hazard.lab.stream, GROUP))[0]
    const range = ['XPENDING', hazard.lab.stream, GROUP, '-', '+', '1000', consumer]
    return (await hazard.send<unknown[]>(...range)).length
  }
  return hazard
}

/** Which deliveries came, by position. */
export class Tally {
  readonly attempts = new Map<string, number[]>()
  readonly count = ({ position, attempt }: { position: string; attempt: number }): void => {
    this.attempts.set(position, [...(this.attempts.get(position) ?? []), attempt])
  }

  has = (positions: readonly string[]): boolean => positions.every((position) => this.attempts.has(position))
}

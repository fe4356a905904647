import { afterEach } from 'vitest'
import type { TestServer } from '../../src/engines/test-servers.ts'
import { RedisStreamLog, type RedisLogOptions } from '../../src/redis/redis-log.ts'
import { WorkerChild, type ChildOptions } from './child-process.ts'
import { useEach } from './use.ts'
import { Lab } from './worker-lab.ts'

/** A lab on connections of its own, as another process would have them; on a new stream unless told otherwise. */
export async function openLab(options: RedisLogOptions, stream?: string): Promise<Lab> {
  const log = await RedisStreamLog.open(options)
  return new Lab(log, () => log.close(), stream)
}

/** A lab for each test. */
export const useLab = (server: TestServer): Lab =>
  useEach(
    () => openLab({ url: server.url }),
    (lab) => lab.close(),
  )

export type StartChild = (options: Partial<ChildOptions> & Pick<ChildOptions, 'mode'>) => WorkerChild

/** Starts workers in processes of their own, on the stream of a lab; they end with the test. */
export function useChildren(server: TestServer, lab: Lab): StartChild {
  const children: WorkerChild[] = []
  afterEach(() => Promise.all(children.splice(0).map((child) => child.end())))
  return (options) => {
    const common = { url: server.url, stream: lab.stream, attempts: 5, concurrency: 5 }
    const child = new WorkerChild({ ...common, ...options })
    children.push(child)
    return child
  }
}

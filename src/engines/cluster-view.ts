import { askRedis } from './ask-redis.ts'

/** A node of a cluster as another one, or itself, sees it. */
export interface SeenNode {
  id: string
  port: number
  /** Such as `master`, `slave`, `myself`, `fail?`, `fail`, `handshake`. */
  flags: string[]
  /** Of a replica. */
  masterId: string | undefined
  epoch: number
  linked: boolean
  /** First and last of each range. */
  slots: [number, number][]
}

/** What a node says in CLUSTER NODES. */
export async function viewOf(port: number): Promise<SeenNode[]> {
  const text = String(await askRedis(port, ['CLUSTER', 'NODES']))
  return text.trim().split('\n').map(seenNode)
}

/** `<id> <ip:port@bus> <flags> <master> <ping> <pong> <epoch> <link> <slot or range or [moving slot]> …` */
function seenNode(line: string): SeenNode {
  const [id = '', address = '', flags = '', master = '-', , , epoch, link, ...slots] = line.split(' ')
  return {
    id,
    port: Number(/:(\d+)@/.exec(address)?.[1]),
    flags: flags.split(','),
    masterId: master === '-' ? undefined : master,
    epoch: Number(epoch),
    linked: link === 'connected',
    slots: slots.filter((slot) => !slot.startsWith('[')).map(range),
  }
}

function range(slots: string): [number, number] {
  const [first, last = first] = slots.split('-').map(Number)
  return [first!, last!]
}

export const owns = (node: SeenNode, slot: number): boolean =>
  node.slots.some(([first, last]) => first <= slot && slot <= last)

/** What all nodes of a settled cluster say in the same words. Undefined when something is amiss. */
export function layoutIn(view: SeenNode[]): string | undefined {
  const well = view.every(({ flags, linked }) => linked && flags.every((flag) => WELL.has(flag)))
  if (!well) return undefined
  const lines = view.map(({ id, masterId, slots }) => JSON.stringify([id, masterId, slots]))
  return lines.sort().join('\n')
}

const WELL = new Set(['myself', 'master', 'slave'])

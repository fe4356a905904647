import type { StartContender } from '../contender.ts'
import { bare } from './bare.ts'
import { connector } from './connector.ts'
import { eventHubs } from './event-hubs.ts'
import { files } from './files.ts'
import { lines } from './lines.ts'
import { postgres } from './postgres.ts'
import { raw } from './raw.ts'
import { stream } from './stream.ts'
import type { OpenTarget } from './target.ts'
import { webhook } from './webhook.ts'

/* `contender.ts?target=lines&way=500` is a pipeline with batches of 500; other ways are `raw` and `bare`. */

const TARGETS: Readonly<Record<string, OpenTarget>> = { lines, files, postgres, eventHubs, webhook, stream }
const { searchParams } = new URL(import.meta.url)
const open = TARGETS[searchParams.get('target')!]!
const way = searchParams.get('way')!

const start: StartContender = async (servers) => {
  const target = await open(servers)
  if (way === 'bare') return bare(target)
  return way === 'raw' ? raw(target, servers) : connector(target, servers, Number(way))
}

export default start

/* A node of Moleculer that never gets done with what it was sent, until it is killed. */
import { channelBroker } from '../../bench/moleculer.ts'

const [url] = process.argv.slice(2)
const broker = await channelBroker(url!)
const never = () => new Promise<void>(() => {})
broker.createService({
  name: 'shipping',
  channels: { orders: { redis: { startID: '0' }, handler: never } },
})
setInterval(() => {}, 1_000)

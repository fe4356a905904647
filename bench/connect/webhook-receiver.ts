import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { receive } from './receiver.ts'

/* Reads what it gets, as every receiver has to. */

let held = 0
const server = createServer((request, response) => {
  const parts: Buffer[] = []
  request.on('data', (part: Buffer) => parts.push(part))
  request.on('end', () => {
    held += (JSON.parse(Buffer.concat(parts).toString()) as unknown[]).length
    response.writeHead(204).end()
  })
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')

receive(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, () => {
  const taken = held
  held = 0
  return taken
})

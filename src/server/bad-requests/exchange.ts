import { once } from 'node:events'
import { connect } from 'node:net'
import type { BadRequest } from './bad-request.ts'

export interface Answer {
  status: number
  headers: Headers
  body: string
}

/** Sends what a row says over a socket of its own, and answers all that came back until the service closed it. */
export async function exchange(
  url: string,
  { wire, ends = false }: Pick<BadRequest, 'wire' | 'ends'>,
): Promise<Answer[]> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  const received: Buffer[] = []
  socket.on('data', (data: Buffer) => received.push(data))
  // A service that gives up on a client may reset the connection after its answer.
  socket.on('error', () => {})
  try {
    socket.write(wire)
    if (ends) socket.end()
    await once(socket, 'close')
  } finally {
    socket.destroy()
  }
  return answersIn(Buffer.concat(received))
}

function answersIn(received: Buffer): Answer[] {
  const answers: Answer[] = []
  for (let rest = received; rest.length > 0;) {
    const end = rest.indexOf('\r\n\r\n')
    if (end < 0) throw new Error(`this is no answer: ${rest.toString().slice(0, 200)}`)
    const [line = '', ...lines] = rest.subarray(0, end).toString('latin1').split('\r\n')
    const headers = new Headers(lines.map((text) => text.split(/:\s*(.*)/s).slice(0, 2) as [string, string]))
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(line)?.[1])
    const bodyEnd = end + 4 + Number(headers.get('content-length') ?? 0)
    if (status >= 200) answers.push({ status, headers, body: rest.subarray(end + 4, bodyEnd).toString() })
    rest = rest.subarray(bodyEnd)
  }
  return answers
}

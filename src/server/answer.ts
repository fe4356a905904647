import { validateHeaderName, validateHeaderValue } from 'node:http'
import type { Context } from 'hono'
import type { ServerEnv } from './server-env.ts'

/** For an API, whose answers no browser should run, frame or keep. The documents set their own policy. */
export const ANSWER_HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}

/**
 * An answer in JSON that has its headers from the beginning. To add them to a Response means to make a `Headers` of it,
 * which took a tenth of a publish.
 *
 * @param headers its own, which go before those of every answer
 * @throws TypeError for a header that HTTP can not carry
 */
export function answerJson(
  c: Context<ServerEnv>,
  value: object,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): Response {
  checkHeaders(headers)
  const all = { 'content-type': 'application/json', ...c.get('answerHeaders'), ...headers }
  const answer = new Response(JSON.stringify(value), { status, headers: all })
  c.set('answer', answer)
  return answer
}

/** An answer that is its status alone. @throws TypeError as `answerJson` */
export function answerNothing(
  c: Context<ServerEnv>,
  status: number,
  headers: Readonly<Record<string, string>> = {},
): Response {
  checkHeaders(headers)
  return c.body(null, status as 204, headers)
}

/** What is found out on its way is told to the client in the words of Node, and to nobody else. */
function checkHeaders(headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) {
    validateHeaderName(name)
    validateHeaderValue(name, value)
  }
}

/** Gives any other answer, such as a problem or a file, what it does not have of the headers of every answer. */
export function completeAnswer(c: Context<ServerEnv>): void {
  if (c.res === c.get('answer')) return
  const { headers } = c.res
  for (const [name, value] of Object.entries(c.get('answerHeaders')))
    if (!headers.has(name)) headers.set(name, value)
}

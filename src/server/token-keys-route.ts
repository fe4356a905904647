import { z } from '@hono/zod-openapi'
import { answerJson } from './answer.ts'
import { addEndpoint, type ServerApp } from './endpoint.ts'
import type { ServerPorts } from './ports.ts'

/** Where other services find the keys that our tokens are checked with. Without a signing key there is no such route. */
export function addTokenKeysRoute(app: ServerApp, { tokenKeys }: ServerPorts): void {
  if (!tokenKeys) return
  const endpoint = {
    method: 'get',
    path: '/.well-known/jwks.json',
    tag: 'Documents',
    summary: 'The public keys of the tokens of this service',
    answers: { 200: { description: 'A JSON Web Key Set (RFC 7517)', schema: KeySetSchema } },
  } as const
  addEndpoint(app, endpoint, async (c) =>
    answerJson(c, await tokenKeys(), 200, { 'cache-control': 'public, max-age=300' }),
  )
}

const KeySetSchema = z
  .object({ keys: z.array(z.looseObject({ kty: z.string(), kid: z.string().optional() })) })
  .openapi('KeySet')

import { consumeWith } from './consume.ts'

export default consumeWith({ deduplicate: { ttlMs: 60_000 } }, (number) => ({ id: `id ${number}` }))

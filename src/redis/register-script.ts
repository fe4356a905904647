import { Script } from './script.ts'

/** KEYS: the set. ARGV: a name, and how many there may be. Answers whether it is in the set now. */
export const registerScript = new Script<0 | 1>(
  `
if redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 1 then return 1 end
if redis.call('SCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('SADD', KEYS[1], ARGV[1])
return 1
`,
  { takesMemory: true },
)

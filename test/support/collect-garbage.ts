import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')

/** Now and whole, as it comes at any time of its own. */
export const collectGarbage = runInNewContext('gc') as () => void

import { z } from 'zod'
import { keyRing } from '../src/middleware/key-ring.ts'
import { stream } from '../src/core/stream.ts'
import type { Canaries } from './canaries.ts'
import { LANES, type LaneName, type Payload } from './load.ts'

/** One type on every lane, whose payload is passed on as it is: a schema would mend what should be found broken. */
export const declarationOf = (lane: LaneName) => stream(LANES[lane].stream, { event: z.custom<Payload>() })

/** The lane whose payloads have a secret. */
export const ENCRYPTED_LANE: LaneName = 'keyed'

export const ringOf = ({ encryptionKey }: Canaries) => keyRing({ current: 'k1', keys: { k1: encryptionKey } })

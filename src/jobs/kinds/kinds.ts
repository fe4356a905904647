import type { JobWork } from '../../core/jobs.ts'
import type { Operations } from '../../core/operations.ts'
import { copyWork } from './copy.ts'
import { discardWork, redriveWork } from './dead-letters.ts'
import { replayWork } from './replay.ts'
import { trimWork } from './trim.ts'

/** The jobs that need nothing but Redis, so that any process can do them. */
export const operationWorks = (operations: Operations): JobWork[] => [
  replayWork(operations),
  copyWork(operations),
  redriveWork(operations),
  discardWork(operations),
  trimWork(operations),
]

import {
  startTestSentinel,
  type TestSentinel,
  type TestSentinelOptions,
} from '../../src/engines/test-servers.ts'
import { useOnce } from './use.ts'

/** A master, its replicas and their Sentinels for the tests of one file. */
export const useSentinel = (options?: TestSentinelOptions): TestSentinel =>
  useOnce(
    () => startTestSentinel(options),
    (lab) => lab.stop(),
  )

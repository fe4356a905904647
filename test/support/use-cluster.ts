import {
  startTestCluster,
  type TestCluster,
  type TestClusterOptions,
} from '../../src/engines/test-servers.ts'
import { useOnce } from './use.ts'

/** A cluster for the tests of one file. */
export const useCluster = (options?: TestClusterOptions): TestCluster =>
  useOnce(
    () => startTestCluster(options),
    (lab) => lab.stop(),
  )

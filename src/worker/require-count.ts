import { requireCounts } from '../core/require-counts.ts'

/** @throws InvalidError `CONFIGURATION_INVALID` for what is no whole number from 1 on */
export const requireCount = (path: string, value: number): void =>
  requireCounts('the worker can not run like this', { [path]: value }, [path])

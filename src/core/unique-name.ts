import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'

/**
 * A name that nobody else has, here or on another machine, and by which an operator finds the process. Two consumers of
 * one name would share what is pending, and each would settle the other's entries.
 */
export const uniqueName = (prefix: string = hostname()): string =>
  `${prefix}-${process.pid}-${randomBytes(4).toString('hex')}`

export type { Scope } from '../core/access.ts'
export { publicKeySet, serviceTokens, type ServiceTokenOptions } from './service-tokens.ts'

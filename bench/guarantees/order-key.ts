import { consumeWith } from './consume.ts'

export default consumeWith({ order: 'key' }, (number) => ({ key: `key ${number % 1_000}` }))

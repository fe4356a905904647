import { consumeWith } from './consume.ts'

export default consumeWith({}, (number) => ({ key: `key ${number % 1_000}` }))

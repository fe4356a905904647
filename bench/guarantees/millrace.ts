import { consumeWith } from './consume.ts'

export default consumeWith({})

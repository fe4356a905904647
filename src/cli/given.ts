type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

/** The same without what is undefined: options that were left out are not there at all. */
export const given = <T extends object>(values: T): Given<T> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Given<T>

/** A field that was declared, as the names that lead to it. */
type Path = readonly string[]

/**
 * Which fields hold personal data. A name such as `email` stands for fields of that name wherever they are; a path such
 * as `user.phone` for the field `phone` of what is called `user`, wherever that is. Case does not matter.
 */
export class PersonalFields {
  readonly #paths: readonly Path[]

  constructor(declared: readonly string[]) {
    this.#paths = declared.map((path) => path.toLowerCase().split('.'))
  }

  /** Where a walk through fields begins. */
  get root(): PersonalPlace {
    return this.#paths.length === 0 ? NOWHERE : new Place(this.#paths, [])
  }
}

/** Somewhere within the fields of a line. */
export interface PersonalPlace {
  /** What becomes of a member: `masked`, or the place that it is. */
  member(name: string): PersonalPlace | 'masked'
}

const NOWHERE: PersonalPlace = { member: () => NOWHERE }

class Place implements PersonalPlace {
  readonly #all: readonly Path[]
  /** What is left of the paths that the fields above have begun. */
  readonly #begun: readonly Path[]

  constructor(all: readonly Path[], begun: readonly Path[]) {
    this.#all = all
    this.#begun = begun
  }

  member(name: string): PersonalPlace | 'masked' {
    const lower = name.toLowerCase()
    const matching = [...this.#all, ...this.#begun].filter(([first]) => first === lower)
    if (matching.some((path) => path.length === 1)) return 'masked'
    return new Place(
      this.#all,
      matching.map((path) => path.slice(1)),
    )
  }
}

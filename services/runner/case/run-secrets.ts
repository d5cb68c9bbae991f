import { isObject, type Json, type JsonObject } from '../../../contracts/json.ts'
import { basicCredentials, hiding, secretTexts, writtenForms, type Mask } from './secrets.ts'

const VARIABLE = /^(?:debug_)?global_variable\.([^]+)$/
const HEADER = /^headers\.([^]+)$/

/**
 * What the results of a run must not show: the values of its environment's secrets, and whatever comes to stand under their names
 * while it runs, as the token that a login saves. A value once known is hidden to the end of the run, overwritten or not.
 */
export class RunSecrets {
  /** The variables that are secret, in both scopes. */
  readonly variables: readonly string[]
  readonly #headers: ReadonlySet<string>
  /** Each value with the forms it may be written in. */
  readonly #forms = new Map<string, readonly string[]>()

  /** `paths` as an environment names its secrets (`headers.X`, `global_variable.x`), `values` in clear. */
  constructor(paths: readonly string[] = [], values: readonly string[] = []) {
    this.variables = [...new Set(paths.flatMap((path) => VARIABLE.exec(path)?.[1] ?? []))]
    this.#headers = new Set(paths.flatMap((path) => HEADER.exec(path)?.[1]?.toLowerCase() ?? []))
    this.add(values)
  }

  add(values: readonly string[]): void {
    for (const value of values) if (!this.#forms.has(value)) this.#forms.set(value, writtenForms(value))
  }

  /** Takes what stands under secret names now; `headers` of a scope are the environment's. */
  addFrom(...scopes: readonly JsonObject[]): void {
    for (const scope of scopes) {
      for (const name of this.variables) this.add(secretTexts(scope.get(name)))
      this.addHeaders(scope.get('headers'))
    }
  }

  addHeaders(headers: Json | undefined): void {
    if (this.#headers.size === 0 || !isObject(headers)) return
    for (const [name, value] of headers) if (this.#headers.has(name.toLowerCase())) this.add(secretTexts(value))
  }

  /** Hides all that is known by now, and the logins among `headerValues` that hold some of it. */
  mask(headerValues: readonly string[] = []): Mask {
    return hiding([...[...this.#forms.values()].flat(), ...basicCredentials(headerValues, [...this.#forms.keys()])])
  }
}

import { type Json, type JsonObject, leafTexts } from '../../../contracts/json.ts'
import { secrecyOf, secretsIn, type Secrecy } from '../../environments/secret-paths.ts'
import { basicCredentials, hiding, writtenForms, type Mask } from './secrets.ts'

/**
 * What the results of a run must not show: the values of its environment's secrets, and whatever comes to stand under their names
 * while it runs, as the token that a login saves. A value once known is hidden to the end of the run, overwritten or not.
 */
export class RunSecrets {
  readonly #variables: Secrecy
  readonly #headers: Secrecy
  /** Each value with the forms it may be written in. */
  readonly #forms = new Map<string, readonly string[]>()

  /** `paths` as an environment names its secrets (`headers.X`, `global_variable.x`), `values` in clear. */
  constructor(paths: readonly string[] = [], values: readonly string[] = []) {
    this.#variables = secrecyOf(paths, 'global_variable')
    this.#headers = secrecyOf(paths, 'headers')
    this.add(values)
  }

  /** The names of secret variables, or paths into them (`a.b`), the same in both scopes. */
  get variables(): readonly string[] {
    return this.#variables.rests
  }

  add(values: readonly string[]): void {
    for (const value of values) if (!this.#forms.has(value)) this.#forms.set(value, writtenForms(value))
  }

  /** Takes what stands under secret names now. */
  addFrom(...scopes: readonly JsonObject[]): void {
    this.add(this.valuesIn(...scopes).flatMap(leafTexts))
  }

  /** What stands under secret names; `headers` of a scope are the environment's. */
  valuesIn(...scopes: readonly JsonObject[]): readonly Json[] {
    return scopes.flatMap((scope) => [
      ...secretsIn(scope, this.#variables),
      ...secretsIn(scope.get('headers') ?? null, this.#headers),
    ])
  }

  /** Hides all that is known by now, and the logins among `headerValues` that hold some of it. */
  mask(headerValues: readonly string[] = []): Mask {
    return hiding([...[...this.#forms.values()].flat(), ...basicCredentials(headerValues, [...this.#forms.keys()])])
  }
}

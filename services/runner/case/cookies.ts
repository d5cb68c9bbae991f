import { Cookie, CookieJar, type SerializedCookieJar } from 'tough-cookie'
import type { TargetUrl } from './url.ts'

/** A cookie as scripts see it. */
export type SeenCookie = Readonly<{ name: string; value: string; domain: string; path: string }>

/** The cookies of one run: taken from every answer, redirects included, and sent by domain, path and scheme. */
export class RunCookies {
  readonly #jar: CookieJar
  #changed = false

  /** From a `snapshot`, or empty. */
  constructor(snapshot?: SerializedCookieJar) {
    // Test targets live on intranet names and addresses: the public suffix list has no say there.
    this.#jar =
      snapshot === undefined
        ? new CookieJar(null, { rejectPublicSuffixes: false, looseMode: true, allowSpecialUseDomain: true })
        : CookieJar.deserializeSync(snapshot)
  }

  /** Takes what an answer from `url` sets, and answers what was taken; what is malformed or foreign is passed over. */
  take(url: TargetUrl, headers: readonly (readonly [string, string])[]): readonly SeenCookie[] {
    const address = url.origin + url.path
    return headers
      .filter(([name]) => name.toLowerCase() === 'set-cookie')
      .flatMap(([, value]) => {
        const cookie = Cookie.parse(value, { loose: true })
        if (cookie === undefined) return []
        const taken = this.#jar.setCookieSync(cookie, address, { ignoreError: true, loose: true })
        if (taken === undefined) return []
        this.#changed = true
        return [{ name: taken.key, value: taken.value, domain: taken.domain ?? url.hostname, path: taken.path ?? '/' }]
      })
  }

  /** The `Cookie` header for `url`: the jar's, then `own`; undefined when there is none. */
  header(url: TargetUrl, own: readonly (readonly [string, string])[]): string | undefined {
    const kept = this.#jar.getCookieStringSync(url.origin + url.path, { allPaths: false })
    const parts = [...(kept === '' ? [] : [kept]), ...own.map(([name, value]) => `${name}=${value}`)]
    return parts.length === 0 ? undefined : parts.join('; ')
  }

  /** Everything in the jar, when an answer has set a cookie since the last call. */
  changed(): SerializedCookieJar | undefined {
    if (!this.#changed) return undefined
    this.#changed = false
    return this.snapshot()
  }

  /** Everything in the jar, as plain JSON: a run that goes on elsewhere begins with it. */
  snapshot(): SerializedCookieJar {
    return (
      this.#jar.serializeSync() ?? {
        version: 'tough-cookie',
        storeType: null,
        rejectPublicSuffixes: false,
        cookies: [],
      }
    )
  }
}

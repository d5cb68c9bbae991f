import { Cookie, CookieJar, type SerializedCookieJar } from 'tough-cookie'
import type { TargetUrl } from './url.ts'

/** A cookie as scripts see it. */
export type SeenCookie = Readonly<{ name: string; value: string; domain: string; path: string }>

/** The cookies of one run: taken from every answer, redirects included, and sent by domain, path and scheme. */
export class RunCookies {
  readonly #jar: CookieJar
  #changed = false
  /** Nothing was ever in the jar: most targets set no cookies, and to look into it takes time for each request. */
  #untouched: boolean

  /** From a `snapshot`, or empty. */
  constructor(snapshot?: SerializedCookieJar) {
    this.#untouched = snapshot === undefined
    // Test targets live on intranet names and addresses: the public suffix list has no say there.
    // Names with __Host- and __Secure- mean nothing to requests.
    this.#jar =
      snapshot === undefined
        ? new CookieJar(null, {
            rejectPublicSuffixes: false,
            looseMode: true,
            allowSpecialUseDomain: true,
            prefixSecurity: 'unsafe-disabled',
          })
        : CookieJar.deserializeSync(snapshot)
  }

  /**
   * Takes what an answer from `url` sets, and answers what of it is kept: of cookies that are the same the last one, and none that has
   * expired. What is malformed or foreign is passed over.
   */
  take(url: TargetUrl, headers: readonly (readonly [string, string])[]): readonly SeenCookie[] {
    const seen = new Map<string, SeenCookie>()
    for (const [header, text] of headers) {
      if (header.toLowerCase() !== 'set-cookie') continue
      const taken = this.#takeOne(url, text)
      if (taken === undefined) continue
      const { key: name, value, domain, path } = taken
      const identity = JSON.stringify([name, domain, path])
      if (taken.TTL() > 0) seen.set(identity, { name, value, domain: domain ?? url.hostname, path: path ?? '/' })
      else seen.delete(identity)
    }
    return [...seen.values()]
  }

  #takeOne(url: TargetUrl, text: string): Cookie | undefined {
    // A value without a name: `=1`.
    if (/^\s*[=;]/.test(text)) return undefined
    const cookie = Cookie.parse(text, { loose: true })
    if (cookie === undefined) return undefined
    const taken = this.#jar.setCookieSync(cookie, url.origin + url.path, { ignoreError: true, loose: true })
    if (taken === undefined) return undefined
    this.#changed = true
    this.#untouched = false
    return taken
  }

  /** The `Cookie` header for `url`: the jar's, then `own`; undefined when there is none. */
  header(url: TargetUrl, own: readonly (readonly [string, string])[]): string | undefined {
    const parts = [...this.#kept(url), ...own.map(([name, value]) => `${name}=${value}`)]
    return parts.length === 0 ? undefined : parts.join('; ')
  }

  #kept(url: TargetUrl): readonly string[] {
    if (this.#untouched) return []
    return (
      this.#jar
        .getCookiesSync(url.origin + url.path, { allPaths: false, sort: true })
        // The jar would trust local addresses.
        .filter(({ secure }) => !secure || url.scheme === 'https')
        .map((cookie) => cookie.cookieString())
    )
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

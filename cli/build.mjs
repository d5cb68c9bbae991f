/**
 * What a record keeps of the build that asked for it.
 *
 * @typedef {Readonly<{ build?: string | undefined, branch?: string | undefined, commit?: string | undefined, url?: string | undefined }>} Build
 */

/** Characters that the platform takes of each. What the CI set too long, as some branches are, must not stop a run. */
const MOST = 1_000

/**
 * The build that this process is part of, by what its CI sets: no more of each than is taken, and nothing blank. Empty elsewhere.
 *
 * @param {Readonly<Record<string, string | undefined>>} environment
 * @returns {Build}
 */
export function buildOf(environment) {
  const set = Object.fromEntries(Object.entries(environment).filter(([, value]) => value?.trim()))
  return Object.fromEntries(
    Object.entries(found(set)).map(([name, value]) => [name, value && Array.from(value).slice(0, MOST).join('')]),
  )
}

/**
 * @param {Readonly<Record<string, string | undefined>>} environment
 * @returns {Build}
 */
function found(environment) {
  if (environment['GITHUB_ACTIONS']) return github(environment)
  if (environment['GITLAB_CI']) return gitlab(environment)
  if (environment['BUILD_NUMBER']) return jenkins(environment)
  return {}
}

/**
 * @param {Readonly<Record<string, string | undefined>>} environment
 * @returns {Build}
 */
function github({ GITHUB_SERVER_URL, GITHUB_REPOSITORY, GITHUB_RUN_ID, ...rest }) {
  const known = GITHUB_SERVER_URL && GITHUB_REPOSITORY && GITHUB_RUN_ID
  return {
    build: rest['GITHUB_RUN_NUMBER'],
    // Of a pull request the ref is its merge, `12/merge`.
    branch: rest['GITHUB_HEAD_REF'] || rest['GITHUB_REF_NAME'],
    commit: rest['GITHUB_SHA'],
    url: known ? `${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}/actions/runs/${GITHUB_RUN_ID}` : undefined,
  }
}

/**
 * @param {Readonly<Record<string, string | undefined>>} environment
 * @returns {Build}
 */
function gitlab(environment) {
  return {
    build: environment['CI_PIPELINE_ID'],
    branch: environment['CI_MERGE_REQUEST_SOURCE_BRANCH_NAME'] || environment['CI_COMMIT_REF_NAME'],
    commit: environment['CI_COMMIT_SHA'],
    url: environment['CI_JOB_URL'] || environment['CI_PIPELINE_URL'],
  }
}

/**
 * @param {Readonly<Record<string, string | undefined>>} environment
 * @returns {Build}
 */
function jenkins(environment) {
  return {
    build: environment['BUILD_NUMBER'],
    // Only jobs of several branches have the first; the second begins with the remote, `origin/main`.
    branch: environment['BRANCH_NAME'] || environment['GIT_BRANCH'],
    commit: environment['GIT_COMMIT'],
    url: environment['BUILD_URL'],
  }
}

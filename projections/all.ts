import { apiTokensProjection } from './api-tokens.ts'
import { bugsProjection } from './bugs.ts'
import { casesProjection } from './cases.ts'
import { environmentsProjection } from './environments.ts'
import { filesProjection } from './files.ts'
import { interfacesProjection } from './interfaces.ts'
import { modulesProjection } from './modules.ts'
import type { Projection } from './port.ts'
import { projectsProjection } from './projects.ts'
import { runsProjection } from './runs.ts'
import { scenesProjection } from './scenes.ts'
import { tasksProjection } from './tasks.ts'
import { usersProjection } from './users.ts'

/** Every read model of this version. */
export const projections: readonly Projection[] = [
  projectsProjection,
  environmentsProjection,
  filesProjection,
  modulesProjection,
  interfacesProjection,
  casesProjection,
  scenesProjection,
  tasksProjection,
  runsProjection,
  bugsProjection,
  usersProjection,
  apiTokensProjection,
]

// What a program with Kubernetes' client for JavaScript does: prints three times who it
// is at the API server, the last time so many seconds later.
import { setTimeout } from 'node:timers/promises'
import { AuthenticationV1Api, KubeConfig } from '@kubernetes/client-node'
const config = new KubeConfig()
config.loadFromDefault()
const api = config.makeApiClient(AuthenticationV1Api)
for (let i = 0; i < 3; i++) {
  if (i === 2) await setTimeout(1000 * Number(process.argv[2]))
  try {
    console.log((await api.createSelfSubjectReview({ body: {} })).status.userInfo.username)
  } catch (e) { console.log('error', e.code ?? '', e.message) }
}

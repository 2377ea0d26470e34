import type { BuildTool, Jdk } from '../jdk.ts'
import { oldestJava } from '../jdk.ts'
import { type Finding, finding } from './finding.ts'

/** How the jars get built: neither a JDK nor a build tool is required, a container has both. */
export function buildFindings(jdk: Jdk | undefined, tool: BuildTool): Finding[] {
  const contained = 'builds in a container, slower the first time'
  return [
    jdk
      ? finding('JDK', 'ok', `${jdk.version} in ${jdk.home}`)
      : finding(
          'JDK',
          'info',
          `none that compiles Java ${oldestJava}`,
          `${contained}; a JDK ${oldestJava} or JAVA_HOME avoids that`,
        ),
    tool === 'container'
      ? finding('build tool', 'info', 'no wrapper in the workspace, no mvn', contained)
      : finding('build tool', 'ok', tool),
  ]
}

export function mmdebstrapFinding(present: boolean): Finding {
  return present
    ? finding('mmdebstrap', 'ok', 'present')
    : finding('mmdebstrap', 'info', 'none', 'only for --images debian; aqua doctor --fix installs it')
}

/** A certificate authority of the house: builds get it as a secret, so that they can download through its proxy. */
export function authorityFinding(file: string | undefined, readable: boolean): Finding[] {
  if (!file) return []
  return readable
    ? [finding('certificates', 'info', `SSL_CERT_FILE=${file}`, 'builds get it as a secret')]
    : [finding('certificates', 'warning', `SSL_CERT_FILE=${file} cannot be read`, 'correct or unset SSL_CERT_FILE')]
}

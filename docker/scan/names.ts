/** `ghcr.io/owner/backend-user:1.2@sha256:…` → `backend-user` */
export function shortName(image: string): string {
  const [name = ''] = image.split('@')
  return (name.split('/').at(-1) ?? '').replace(/:.*$/, '')
}

/** `ghcr.io/owner/backend-user:1.2` → `ghcr.io__owner__backend-user_1.2`, a file's name everywhere. */
export function fileStem(target: string): string {
  return target.replaceAll('/', '__').replace(/[^\w.-]+/g, '_')
}

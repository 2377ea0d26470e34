export default {
  extends: ['@commitlint/config-conventional'],
  rules: {
    // Dependabot's bodies hold long links and tables.
    'body-max-line-length': [0],
    'footer-max-line-length': [0],
  },
}

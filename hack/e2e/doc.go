// Package e2e tests the built sso-exec binary under the tools that it is made
// for: kubectl in front of a real API server, the AWS CLI and an AWS SDK in
// front of a real STS, a real browser in front of a real OpenID provider.
//
// hack/e2e/run installs and builds what the tests need; README.md says what
// that is. There are only tests in here, and they run on Linux.
package e2e

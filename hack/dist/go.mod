// Makes the files of a release; see docs/releases.md.
module github.com/sso-exec/sso-exec/hack/dist

go 1.26.0

require golang.org/x/crypto/x509roots/fallback v0.0.0-20261030153154-30a33513ff6d

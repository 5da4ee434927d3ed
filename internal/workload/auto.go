package workload

import (
	"strings"
)

// federated name a file with a token that a platform has put there: Microsoft
// Entra Workload ID for AKS, and IAM roles for service accounts on EKS.
var federated = []string{"AZURE_FEDERATED_TOKEN_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE"}

// auto picks a source by evidence, in this order:
//
//  1. github, in a job of GitHub Actions (GITHUB_ACTIONS)
//  2. gitlab, in a job of GitLab CI (GITLAB_CI)
//  3. the file that AZURE_FEDERATED_TOKEN_FILE or AWS_WEB_IDENTITY_TOKEN_FILE names
//  4. kubernetes, where a service account's token is mounted
//  5. gcp
//  6. azure
//
// What is set up, but not well, ends the search: a CI job that was given no token
// of its own must not become the machine that it runs on.
func auto(env Env) (Source, error) {
	parse := func(spec string) (Source, error) {
		s, err := Parse(spec, env)
		if err == nil {
			err = s.Available()
		}
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	for _, ci := range []struct{ variable, source string }{{"GITHUB_ACTIONS", "github"}, {"GITLAB_CI", "gitlab"}} {
		if env.on(ci.variable) {
			return parse(ci.source)
		}
	}
	for _, variable := range federated {
		if path := env.Getenv(variable); path != "" {
			return parse("file:" + path)
		}
	}
	for _, spec := range []string{"kubernetes", "gcp", "azure"} {
		if s, err := parse(spec); err == nil {
			return s, nil
		}
	}
	return nil, &NotHereError{
		Source: "auto",
		Why: "no workload token was found here; looked for: GitHub Actions (GITHUB_ACTIONS), " +
			"GitLab CI (GITLAB_CI), a file (" +
			strings.Join(federated, ", ") + "), a Kubernetes service account (" + serviceAccountToken +
			"), Google Cloud (GCE_METADATA_HOST, K_SERVICE, the machine's firmware), Azure (IDENTITY_ENDPOINT, the machine's " +
			"firmware)",
		Hints: []string{"name where the token comes from: " + strings.Join(Names()[1:], ", ")},
	}
}

package workload

// ciServices set a variable of their own; CI is what nearly all of them set
// next to it. What identifies a job comes from each one's list of predefined
// variables.
var ciServices = []struct {
	variable, name, source string
	job                    []string
}{
	{"GITHUB_ACTIONS", "GitHub Actions", "github",
		[]string{"GITHUB_SERVER_URL", "GITHUB_REPOSITORY_ID", "GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT",
			"GITHUB_JOB"}},
	{"GITLAB_CI", "GitLab CI", "gitlab", []string{"CI_SERVER_URL", "CI_PROJECT_ID", "CI_JOB_ID"}},
	{"JENKINS_URL", "Jenkins", "", []string{"JENKINS_URL", "BUILD_TAG", "BUILD_ID"}},
	{"BUILDKITE", "Buildkite", "command:buildkite-agent oidc request-token --audience AUDIENCE",
		[]string{"BUILDKITE_BUILD_ID", "BUILDKITE_JOB_ID"}},
	{"CIRCLECI", "CircleCI", "env:CIRCLE_OIDC_TOKEN_V2",
		[]string{"CIRCLE_WORKFLOW_ID", "CIRCLE_WORKFLOW_JOB_ID", "CIRCLE_BUILD_URL"}},
	{"TF_BUILD", "Azure Pipelines", "",
		[]string{"SYSTEM_COLLECTIONURI", "BUILD_BUILDID", "SYSTEM_JOBID", "SYSTEM_JOBATTEMPT"}},
	{"TEAMCITY_VERSION", "TeamCity", "", []string{"TEAMCITY_PROJECT_NAME", "TEAMCITY_BUILDCONF_NAME", "BUILD_NUMBER"}},
	{"BITBUCKET_BUILD_NUMBER", "Bitbucket Pipelines", "env:BITBUCKET_STEP_OIDC_TOKEN",
		[]string{"BITBUCKET_REPO_UUID", "BITBUCKET_PIPELINE_UUID", "BITBUCKET_STEP_UUID"}},
	{"CODEBUILD_BUILD_ID", "AWS CodeBuild", "", []string{"CODEBUILD_BUILD_ID"}},
	{"CI", "a CI job", "", nil},
}

// CI says which CI service this is, and the source that would serve there, for a
// hint; the source is empty where the service gives its jobs no identity that can
// be had in one word. AUDIENCE in it stands for the audience that is wanted. Both
// are empty where this is no CI job.
func CI(env Env) (name, source string) {
	env = env.complete()
	for _, s := range ciServices {
		if env.on(s.variable) {
			return s.name, s.source
		}
	}
	return "", ""
}

// job identifies the CI job, nil if this is none. Runners that are kept run one
// job after another, with one cache directory.
func (env Env) job() []string {
	for _, s := range ciServices {
		if !env.on(s.variable) {
			continue
		}
		parts := []string{s.name}
		for _, variable := range s.job {
			parts = append(parts, env.Getenv(variable))
		}
		return parts
	}
	return nil
}

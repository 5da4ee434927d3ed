package awsconfig

import (
	"fmt"
	"slices"
)

// Conflict is something that keeps a profile's credential_process from being
// asked, or the profile from being used at all, by some program.
type Conflict struct {
	Key  string // a key of the profile, a variable, or "profile" for its name
	In   Place
	Line int    // in the file, from 1; 0 for a variable
	Who  string // the programs that go by it
	Text string // a sentence for a person
}

// Place is where a conflict was found.
type Place string

// The places where a conflict may be.
const (
	InConfig      Place = "config"
	InCredentials Place = "credentials"
	InEnvironment Place = "environment"
)

// everybody stands for the AWS CLI and all SDKs.
const everybody = "the AWS CLI and the SDKs"

// A rule says who goes by a key although there is a credential_process.
type rule struct {
	keys []string
	in   []Place
	who  string
	why  string
}

// rules is the order of precedence within one profile, as read in the sources
// of botocore 1.43 (which the AWS CLI uses), and the SDKs for Go (v2), Java (v2)
// and JavaScript (v3):
//
//	botocore    source_profile or credential_source, web identity, SSO, keys of
//	            the credentials file, login, process, keys of the config
//	Go          source_profile, keys of both files, credential_source, web
//	            identity, SSO, process; two of source, process and web identity
//	            are an error
//	Java        web identity, SSO, source, process, keys of both files
//	JavaScript  source, keys of both files, web identity, process, SSO, login
//
// What the credentials file says of a profile overrides the config, in all.
var rules = []rule{
	{[]string{"credential_process"}, []Place{InCredentials}, everybody, "the credentials file overrides the config"},
	{[]string{"aws_access_key_id"}, []Place{InCredentials}, "the AWS CLI, boto3 and the SDKs for Go and JavaScript",
		"static keys come before a credential_process"},
	{[]string{"aws_access_key_id"}, []Place{InConfig}, "the SDKs for Go and JavaScript",
		"static keys come before a credential_process"},
	{[]string{"source_profile", "credential_source"}, both, "the AWS CLI, boto3 and the SDKs for Java and JavaScript",
		"a role is assumed with other credentials; the SDK for Go takes both together for an error"},
	{[]string{"web_identity_token_file"}, both, "the AWS CLI, boto3 and the SDKs for Java and JavaScript",
		"a role is assumed with that token; the SDK for Go takes both together for an error"},
	{[]string{"sso_account_id", "sso_role_name"}, both, "the AWS CLI, boto3 and the SDKs for Go and Java",
		"IAM Identity Center comes before a credential_process"},
	{[]string{"sso_session", "sso_start_url", "sso_region"}, both, "the SDKs for Go and Java",
		"IAM Identity Center comes before a credential_process"},
	{[]string{"login_session"}, both, "the AWS CLI and boto3",
		"the session of aws login comes before a credential_process"},
}

var both = []Place{InConfig, InCredentials}

// mixedIn is the section whose keys the AWS CLI and boto3 take into every other
// section of the file that does not say otherwise (Python's configparser).
const mixedIn = "DEFAULT"

// Conflicts tells what overrides a profile's credential_process in the
// config, the credentials file and the environment. It takes whatever it can
// read of the texts; getenv is as os.Getenv.
func Conflicts(configText, credentialsText, profile string, getenv func(string) string) []Conflict {
	var found []Conflict
	texts := map[Place][]setting{
		InConfig:      settings(configText, func(s *section) bool { return s.is(InConfig, profile) }),
		InCredentials: settings(credentialsText, func(s *section) bool { return s.is(InCredentials, profile) }),
	}
	for _, in := range both {
		at := texts[in]
		for _, r := range rules {
			for _, s := range at {
				if slices.Contains(r.in, in) && slices.Contains(r.keys, s.key) {
					found = append(found, Conflict{s.key, in, s.line, r.who,
						fmt.Sprintf("%s in the profile %q: %s go by it, not by the credential_process: %s",
							s.key, profile, r.who, r.why)})
				}
			}
		}
		// A role without a source: the role is assumed with what the process gave,
		// or that is an error.
		if i := slices.IndexFunc(at, func(s setting) bool { return s.key == "role_arn" }); i >= 0 &&
			!slices.ContainsFunc(slices.Concat(texts[InConfig], texts[InCredentials]), func(s setting) bool {
				return s.key == "source_profile" || s.key == "credential_source" || s.key == "web_identity_token_file"
			}) {
			found = append(found, Conflict{"role_arn", in, at[i].line, "the AWS CLI, boto3 and the SDK for Go",
				fmt.Sprintf("role_arn in the profile %q: the AWS CLI and boto3 ask for a source_profile next to it, and the SDK "+
					"for Go assumes that role on top of the credential_process", profile)})
		}
	}
	found = append(found, fromDefault(InConfig, configText, profile)...)
	found = append(found, fromDefault(InCredentials, credentialsText, profile)...)
	if d, _ := split(configText, anyCR); d != nil {
		for _, s := range d.sections {
			if (s.cli == profile || s.sdk == profile) && (s.cli != s.sdk || s.quoted) {
				found = append(found, Conflict{"profile", InConfig, s.head + 1, "some of the SDKs",
					fmt.Sprintf("the name of the profile %q is quoted or spaced so that not every program finds it; the AWS CLI and "+
						"boto3 go by [profile NAME], with quotes if NAME has spaces", profile)})
			}
		}
	}
	return append(found, fromEnvironment(profile, getenv)...)
}

// fromDefault tells what [DEFAULT] mixes into a profile that the file has.
func fromDefault(in Place, text, profile string) []Conflict {
	if len(text) > maxText {
		return nil
	}
	d, _ := split(text, anyCR)
	if !slices.ContainsFunc(d.sections, func(s section) bool { return s.is(in, profile) }) {
		return nil
	}
	var found []Conflict
	for _, s := range settings(text, func(s *section) bool { return s.name == mixedIn }) {
		decides := s.key == "credential_process" || s.key == "role_arn" ||
			slices.ContainsFunc(rules, func(r rule) bool { return slices.Contains(r.keys, s.key) })
		if decides {
			found = append(found, Conflict{s.key, in, s.line, "the AWS CLI and boto3",
				fmt.Sprintf("%s in the section [%s]: the AWS CLI and boto3 mix it into every profile of the file, and so into %q",
					s.key, mixedIn, profile)})
		}
	}
	return found
}

func fromEnvironment(profile string, getenv func(string) string) []Conflict {
	var found []Conflict
	add := func(name, who, why string) {
		found = append(found, Conflict{name, InEnvironment, 0, who, "the variable " + name + " is set: " + why})
	}
	if getenv("AWS_ACCESS_KEY_ID") != "" {
		add("AWS_ACCESS_KEY_ID", everybody,
			everybody+" take those keys, unless the profile is named in the call itself (aws --profile)")
	}
	if getenv("AWS_WEB_IDENTITY_TOKEN_FILE") != "" {
		add("AWS_WEB_IDENTITY_TOKEN_FILE", "the AWS CLI, boto3 and the SDKs for Go and Java",
			"the AWS CLI, boto3 and the SDKs for Go and Java take that token, unless the profile is named in the call itself "+
				"(aws --profile)")
	}
	for _, name := range []string{"AWS_PROFILE", "AWS_DEFAULT_PROFILE"} {
		if other := getenv(name); other != "" && other != profile {
			add(name, everybody,
				fmt.Sprintf("it names the profile %q, which is used where none is named in the call itself", other))
		}
	}
	return found
}

// setting is a key that somebody reads in a profile.
type setting struct {
	key  string
	line int
}

func anyCR(int) error { return nil }

// settings lists the keys in the sections that match. An indented line may be a
// key too, if it is not below one without a value.
func settings(text string, match func(*section) bool) []setting {
	var all []setting
	if len(text) > maxText {
		return nil
	}
	d, _ := split(text, anyCR)
	for i := range d.sections {
		s := &d.sections[i]
		if !match(s) {
			continue
		}
		nesting := false
		for j := s.head + 1; j < s.end; j++ {
			l := d.lines[j]
			if l.kind == property {
				nesting = l.value == ""
			}
			if l.kind == property || l.kind == indented && !nesting && l.key != "" {
				all = append(all, setting{l.key, j + 1})
			}
		}
	}
	return all
}

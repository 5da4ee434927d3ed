package awsapi

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

var (
	roleARN     = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+$`)
	sessionName = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	policyParam = regexp.MustCompile(`^PolicyArns\.member\.(\d+)\.arn$`)
)

// AssumeRole is the action that needs a signature.
const AssumeRole = "AssumeRole"

// CheckParameters holds the constraints of the API reference on an AssumeRole or an
// AssumeRoleWithWebIdentity.
func CheckParameters(form url.Values, maxSession time.Duration) *Refusal {
	for _, name := range []string{"RoleArn", "RoleSessionName", "WebIdentityToken"} {
		if form.Get(name) == "" && (name != "WebIdentityToken" || form.Get("Action") != AssumeRole) {
			member := strings.ToLower(name[:1]) + name[1:]
			return refuse("ValidationError",
				"1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must not be null", member)
		}
	}
	if role := form.Get("RoleArn"); !roleARN.MatchString(role) {
		return refuse("ValidationError", "%s is invalid", role)
	}
	if name := form.Get("RoleSessionName"); !sessionName.MatchString(name) {
		return refuse("ValidationError", "1 validation error detected: Value '%s' at 'roleSessionName' failed to "+
			"satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*", name)
	}
	if n := len(form.Get("WebIdentityToken")); form.Get("Action") != AssumeRole && (n < 4 || n > 20000) {
		return refuse("ValidationError", "1 validation error detected: Value at 'webIdentityToken' failed to satisfy "+
			"constraint: Member must have length between 4 and 20000")
	}
	if text := form.Get("DurationSeconds"); text != "" {
		seconds, err := strconv.Atoi(text)
		if err != nil || seconds < 900 || seconds > 43200 {
			return refuse("ValidationError", "1 validation error detected: Value '%s' at 'durationSeconds' failed to "+
				"satisfy constraint: Member must have value between 900 and 43200", text)
		}
		if time.Duration(seconds)*time.Second > maxSession {
			return refuse("ValidationError",
				"The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
		}
	}
	return checkPolicies(form)
}

func checkPolicies(form url.Values) *Refusal {
	if policy := form.Get("Policy"); policy != "" {
		if utf8.RuneCountInString(policy) > 2048 {
			return refuse("ValidationError", "1 validation error detected: Value at 'policy' failed to satisfy "+
				"constraint: Member must have length less than or equal to 2048")
		}
		if !json.Valid([]byte(policy)) {
			return refuse("MalformedPolicyDocument", "Syntax errors in policy.")
		}
	}
	for name := range form {
		if !strings.HasPrefix(name, "PolicyArns.") {
			continue
		}
		match := policyParam.FindStringSubmatch(name)
		if match == nil {
			return refuse("MalformedInput", "Unexpected list element %s", name)
		}
		if n, _ := strconv.Atoi(match[1]); n < 1 || n > 10 || !strings.HasPrefix(form.Get(name), "arn:aws") {
			return refuse("ValidationError", "%s is invalid: at most 10 policy ARNs", name)
		}
	}
	return nil
}

// Members are the values of a list in a form.
func Members(form url.Values, format string) (list []string) {
	for i := 1; form.Has(fmt.Sprintf(format, i)); i++ {
		list = append(list, form.Get(fmt.Sprintf(format, i)))
	}
	return list
}

// Caller is whose keys a request is signed with.
type Caller struct {
	ARN, SourceIdentity string
	Transitive          []string
}

// CheckChain holds what AWS says of a role that another role assumes.
func CheckChain(form url.Values, caller Caller, externalID string) *Refusal {
	keys := Members(form, "Tags.member.%d.Key")
	for _, key := range Members(form, "TransitiveTagKeys.member.%d") {
		if !slices.Contains(keys, key) {
			return refuse("ValidationError", "The transitive tag key %s is not among the tags.", key)
		}
	}
	for _, key := range keys {
		if slices.Contains(caller.Transitive, key) {
			return refuse("InvalidParameterValue", "One of the specified transitive tag keys can't be set because it "+
				"conflicts with a transitive tag key from the calling session.")
		}
	}
	identity := form.Get("SourceIdentity")
	switch seconds, _ := strconv.Atoi(form.Get("DurationSeconds")); {
	case seconds > 3600:
		return refuse("ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles "+
			"assumed by role chaining")
	case form.Has("SerialNumber"), form.Has("TokenCode"), len(keys) != len(Members(form, "Tags.member.%d.Value")):
		return refuse("ValidationError", "This fake does not take these parameters.")
	case externalID != form.Get("ExternalId"),
		caller.SourceIdentity != "" && identity != "" && identity != caller.SourceIdentity:
		return refuse("AccessDenied", "User: %s is not authorized to perform: sts:AssumeRole on resource: %s",
			caller.ARN, form.Get("RoleArn"))
	}
	return nil
}

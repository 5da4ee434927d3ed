package settings

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sso-exec/sso-exec/internal/config"
)

// anything is of keys of which no single value is wrong: what is wrong shows
// next to other settings, in a file, or at a server.
const anything = ""

// wrongValues has every key that a profile can have, with values that cannot be
// right, and what is said of them.
var wrongValues = map[string]struct{ says, values string }{
	"issuer": {"must be https|is not a URL|must not have a query|must not have a fragment|user or a password",
		"http://x.example|x|https://x.example?a=b|https://x.example#a|https://a:b@x.example"},
	"client-id":  {anything, "!"},
	"start-url":  {"must be https|is not a URL", "http://x.example/start|x"},
	"sso-region": {anything, "!"}, "sso-session": {anything, "!"},
	"scopes":   {anything, "!"},
	"audience": {anything, "!"},
	"resource": {"must be an absolute URI|without a fragment|must be an absolute URI",
		"x|https://x.example#a|"},
	"hosts": {"a wildcard needs two labels|a wildcard needs two labels|is not a host|write the name in ASCII|only the host",
		"*|*.com|0x7f.1|\u212aube.example|https://x.example"},
	"session":      {anything, "!"},
	"organization": {anything, "!"},
	"flow":         {"invalid", "pcke"},
	"device":       {"invalid", "!"},
	"browser":      {"has an open quote|is empty|needs the terminal for itself", `firefox "%s| |lynx`},
	"redirect-uri": {"must be http|a number up to 65535|redirect URI",
		"https://x.example/|http://127.0.0.1:65536/|"},
	"login-hint":            {anything, "!"},
	"auth-param":            {"must be K=V|set by sso-exec itself|must be K=V", "x|state=x|"},
	"acr":                   {"is not an acr|is not an acr", " |"},
	"max-age":               {"is not a duration|must be in whole seconds|must not be negative", "x|1500ms|-1s"},
	"claims":                {"JSON", "x"},
	"par":                   {"invalid", "!"},
	"login-timeout":         {"must be more than 0|must be more than 0", "0s|-1s"},
	"interactive":           {"invalid", "!"},
	"offline":               {"invalid", "!"},
	"audit":                 {"invalid", "!"},
	"identity":              {"invalid", "!"},
	"provider":              {"invalid", "!"},
	"client-secret-file":    {anything, "!"},
	"client-secret-command": {"has an open quote|no command", `x "y| `},
	"client-auth":           {"invalid", "!"},
	"client-key-file":       {anything, "!"},
	"client-key-command":    {"has an open quote", `x 'y`},
	"client-key-id":         {anything, "!"},
	"client-cert-file":      {anything, "!"},
	"assertion-audience":    {"use issuer, token-endpoint or a URI", "x"},
	"subject-token-from": {"is not a token source|needs PATH|accepts nothing after a colon|has an open quote",
		`nowhere|file|github:x|command:x "`},
	"subject-token-audience": {anything, "!"},
	"subject-token-type":     {"use jwt, id_token, access_token or the URN", "x"},
	"actor-token-from":       {"is not a token source", "nowhere"},
	"actor-token-type":       {"use jwt, id_token, access_token or the URN", "x"},
	"exchange-audience":      {anything, "!"},
	"exchange-resource":      {"must be an absolute URI", "x"},
	"exchange-scope":         {anything, "!"},
	"exchange-token-type":    {"invalid", "!"},
	"exchange-param":         {"must be K=V|set by sso-exec itself", "x|grant_type=x"},
	"clusters":               {"must be a mapping", "https://k8s.example.com"},
	"token-type":             {"invalid", "!"},
	"min-ttl":                {"must not be negative|is not a duration", "-1s|5"},
	"ca-file":                {anything, "!"},
	"ca-data":                {"it is not base64|no certificate|no certificate", "==|" + base64.StdEncoding.EncodeToString([]byte("x")) + "|" + base64.StdEncoding.EncodeToString([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))},
	"store":                  {"invalid", "!"},
	"cache-dir":              {anything, "!"},
	"http-timeout":           {"must be more than 0|must be more than 0", "0s|-1s"},
	"gke.workforce-provider": {"is not the name of a workforce provider|is not the name of a workforce provider",
		"pool|a/b/../c"},
	"gke.workforce-user-project": {"is not the ID or the number of a project", "a b"},
	"gke.impersonate":            {"ends with .gserviceaccount.com", "x/y@evil.example"},
	"aks.server-id":              {"is not the ID of an application", "x"},
	"eks.cluster":                {"is not the name of a cluster|is not the name of a cluster", "a b|größe"},
	"aws.role-arn": {"has characters in it that do not print|STS accepts 2048",
		"a\tb|" + strings.Repeat("x", 2049)},
	"aws.role-session-name": {anything, "!"},
	"aws.duration":          {"must be in whole seconds|must not be negative", "1500ms|-1s"},
	"aws.region":            {anything, "!"}, // next to an sts-endpoint it can be what it likes
	"aws.sts-endpoint":      {"must be https|is not a URL", "http://sts.example|x"},
	"aws.policy-arn":        {"is not an ARN|is not an ARN", "foo|"},
	"aws-cli-cache":         {"invalid", "!"},
	"aws.account-id":        {"it has 12 digits|it has 12 digits", "1234-5678-9012|1"},
	"aws.role-name":         {"is not the name of a role|is not the name of a role", "aws-reserved/x|a b"},
	"aws.chain-role-arn":    {"is empty|has characters in it that do not print", "|a\tb"},
	"aws.external-id":       {"2 to 1224 letters|2 to 1224 letters", "x|a b"},
	"aws.source-identity":   {"2 to 64 letters|2 to 64 letters|2 to 64 letters", "x|aws:me|a/b"},
	"aws.tag": {"must be K=V|are AWS's own|the key|the value|the value", "x|aws:a=b|=b|a=;|a=" +
		strings.Repeat("x", 257)},
	"aws.transitive-tag": {"the key|are AWS's own", "|AWS:x"},
	"aws.mfa-serial":     {"cannot be used: STS accepts an MFA code only with", "arn:aws:iam::123456789012:mfa/me"},
	"aws.roles":          {"must be a mapping", "dev"},
	"gcp-audiences":      {anything, "!"},
	"agents":             {"invalid value|invalid value", "some|profile:x"},
	"api-key": {"a key's name is of letters|looks like an API key itself",
		"a b|" + strings.Repeat("x1", 40)},
}

// What is wrong with a single value is told by config validate, and in use, with
// the same words and the line. A new key has to be added here, with a check or
// without.
func TestValues(t *testing.T) {
	keys := ProfileKeys()
	if len(keys) != len(wrongValues) {
		t.Errorf("there are %d keys, and %d are tried", len(keys), len(wrongValues))
	}
	for _, key := range keys {
		name := strings.TrimPrefix(key.Section+"."+key.Name, ".")
		wrong, ok := wrongValues[name]
		if !ok {
			t.Errorf("%s: add it to wrongValues, with values that cannot be right or as anything", name)
			continue
		}
		says := strings.Split(wrong.says, "|")
		for i, value := range strings.Split(wrong.values, "|") {
			found, used := readValue(t, key, value)
			switch {
			case wrong.says == anything:
				if len(found) > 0 || used != nil {
					t.Errorf("%s: anything goes, but %q: %v, %v", name, value, found, used)
				}
			case len(found) != 1 || used == nil || used.Error() != found[0].Error():
				t.Errorf("%s: %q: found %v, and in use: %v", name, value, found, used)
			case !strings.Contains(found[0].Text, "profile p") || !strings.Contains(found[0].Text, key.Name+": ") ||
				!strings.Contains(found[0].Text, says[i]):
				t.Errorf("%s: %q: it says %q, want %q in it", name, value, found[0].Text, says[i])
			}
		}
	}
}

// Values that look odd and are right.
func TestRightValues(t *testing.T) {
	for _, c := range [][2]string{
		{"issuer", ""}, {"issuer", "http://127.0.0.1:8080/realm"}, {"browser", ""}, {"browser", "none"},
		{"browser", "'/no such/browser' --app=%s"},
		{"max-age", "0s"}, {"min-ttl", "0s"}, {"ca-data", ""}, {"assertion-audience", "https://x.example"},
		{"assertion-audience", "token-endpoint"},
		{"subject-token-from", "auto"}, {"subject-token-from", "file:token"}, {"subject-token-from", "gitlab"},
		{"subject-token-type", "urn:x:y"},
		{"client-secret-command", "no-such-program 'a b'"}, {"acr", "mfa pwd"}, {"aws.duration", "0s"},
		{"aws.role-arn", ""}, {"api-key", ""},
	} {
		for _, key := range ProfileKeys() {
			if strings.TrimPrefix(key.Section+"."+key.Name, ".") != c[0] {
				continue
			}
			if found, used := readValue(t, key, c[1]); used != nil || len(found) > 0 {
				t.Errorf("%s: %q: found %v, and in use: %v", c[0], c[1], found, used)
			}
		}
	}
}

// readValue has a profile with one value checked, and used.
func readValue(t *testing.T, key config.Key, value string) (found []config.Finding, used error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	line := fmt.Sprintf("%s: %q", key.Name, value)
	if key.Section != "" {
		line = fmt.Sprintf("%s: {%s}", key.Section, line)
	}
	if err := os.WriteFile(path, []byte("version: 1\nprofiles:\n  p:\n    "+line+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	paths := config.Paths{Named: path}
	c, err := paths.Open()
	if err != nil {
		t.Fatal(err)
	}
	_, used = c.Profile("p", ProfileKeys())
	return paths.Validate(ProfileKeys()), used
}

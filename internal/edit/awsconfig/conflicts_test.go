package awsconfig

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestConflicts(t *testing.T) {
	for name, c := range map[string]struct {
		config, credentials string
		env                 map[string]string
		want                []string // place key:line
	}{
		"none": {config: "[profile dev]\ncredential_process = x\nregion = " +
			"y\n[default]\naws_access_key_id = x\n", credentials: "[default]\naws_access_key_id = x\n"},
		"keys in the credentials": {credentials: "[default]\n[dev]\naws_access_key_id = " +
			"x\naws_secret_access_key = y", want: []string{"credentials aws_access_key_id:3"}},
		"spaces in the brackets": {credentials: "[ dev ] # x\nAWS_ACCESS_KEY_ID: x\n",
			want: []string{"credentials aws_access_key_id:2"}},
		"keys in the config": {config: "[profile dev]\r\naws_access_key_id = x\r\n",
			want: []string{"config aws_access_key_id:2"}},
		"another process": {credentials: "[dev]\ncredential_process = old\n",
			want: []string{"credentials credential_process:2"}},
		"a profile's header in the credentials": {credentials: "[profile dev]\naws_access_key_id = x\n"},
		"Identity Center": {config: "[profile dev]\nsso_session = corp\nsso_account_id = " +
			"1\n[sso-session corp]\nsso_start_url = x\n", want: []string{"config sso_account_id:3", "config sso_session:2"}},
		"aws login": {config: "[profile dev]\nlogin_session = arn\n",
			want: []string{"config login_session:2"}},
		"a role of another": {config: "[profile dev]\nrole_arn = a\nsource_profile = b\n",
			want: []string{"config source_profile:3"}},
		"a role of an instance": {config: "[profile dev]\ncredential_source = Ec2InstanceMetadata\n",
			want: []string{"config credential_source:2"}},
		"a web identity": {config: "[profile dev]\nrole_arn = a\nweb_identity_token_file = b\n",
			want: []string{"config web_identity_token_file:3"}},
		"a role": {config: "[profile dev]\nrole_arn = a\n",
			want: []string{"config role_arn:2"}},
		"a role, its source elsewhere": {config: "[profile dev]\nrole_arn = a\n",
			credentials: "[dev]\nsource_profile = b\n", want: []string{"credentials source_profile:2"}},
		"a nested key": {config: "[profile dev]\ns3 =\n  aws_access_key_id = x\n"},
		"an indented key": {config: "[profile dev]\n  aws_access_key_id = x\n",
			want: []string{"config aws_access_key_id:2"}},
		"two sections": {config: "[profile dev]\n[profile dev]\naws_access_key_id = x\n",
			want: []string{"config aws_access_key_id:3"}},
		"a quoted name": {config: "[profile 'dev']\n", want: []string{"config profile:1"}},
		"a spaced name": {config: "[ profile dev ]\nsso_region=x\n",
			want: []string{"config sso_region:2", "config profile:1"}},
		"variables": {env: map[string]string{"AWS_ACCESS_KEY_ID": "x", "AWS_WEB_IDENTITY_TOKEN_FILE": "y",
			"AWS_PROFILE": "b", "AWS_DEFAULT_PROFILE": "dev", "AWS_SECRET_ACCESS_KEY": "hidden"},
			want: []string{"environment AWS_ACCESS_KEY_ID:0", "environment AWS_WEB_IDENTITY_TOKEN_FILE:0",
				"environment AWS_PROFILE:0"}},
		"mixed in": {config: "[DEFAULT]\nregion = x\naws_access_key_id = y\n[profile dev]\n[DEFAULT]\ncredential_process = " +
			"z\n", credentials: "[DEFAULT]\nrole_arn = a\n[dev]\n",
			want: []string{"config aws_access_key_id:3", "config credential_process:6", "credentials role_arn:2"}},
		"mixed into others": {config: "[DEFAULT]\naws_access_key_id = y\n[profile other]\n",
			credentials: "[DEFAULT]\naws_access_key_id = y\n[profile dev]\n"},
		"not mixed in": {config: "[default]\naws_access_key_id = y\n[ DEFAULTS ]\naws_access_key_id = y\n[profile " +
			"DEFAULT]\naws_access_key_id = y\n[profile dev]\n"},
		"nonsense": {config: "\ufeff[profile dev\x00]\r\r\n[\n[]\n=\n",
			credentials: "[\n\x00[dev\naws_access_key_id=x\n"},
	} {
		var got []string
		for _, f := range Conflicts(c.config, c.credentials, "dev", func(name string) string { return c.env[name] }) {
			got = append(got, fmt.Sprintf("%s %s:%d", f.In, f.Key, f.Line))
			if f.Who == "" || !strings.Contains(f.Text, f.Key) || strings.ContainsAny(f.Text, "\n\x00") ||
				strings.Contains(f.Text, "hidden") {
				t.Errorf("%s: %+v", name, f)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func FuzzConflicts(f *testing.F) {
	f.Add("[profile dev]\naws_access_key_id = x\n", "[dev]\n x=y\n")
	f.Fuzz(func(_ *testing.T, config, credentials string) {
		Conflicts(config, credentials, "dev", func(string) string { return "" })
	})
}

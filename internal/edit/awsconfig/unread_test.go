package awsconfig

import (
	"strings"
	"testing"
)

// As the AWS CLI 2 and Python's RawConfigParser judge these texts.
func TestUnread(t *testing.T) {
	for text, want := range map[string]string{
		"":                                       "",
		"\n# a\n  ; b\n[default]\nregion = x\n":  "",
		"[a]\nx = 1\n[b]\nx = 2\n":               "",
		"[a]\ns3 =\n  x = 1\n  y\nz: 2\n":        "",
		"[a] # one\r\nx = 1\r\n":                 "",
		"[default]\n[DEFAULT]\nx=1\n[DEFAULT]\n": "",

		"hello\n[a]\n":                    "line 1: it is in no section",
		"# a\n x = 1\n[a]\n":              "line 2: it is in no section",
		"[a]\nhello\n":                    "line 2: it is neither",
		"[a]\n= x\n":                      "line 2: it is neither",
		"[a]\n[b]\n[a] # again\n":         "line 3: the section [a] is there already, at line 1",
		"[a]\nregion = x\n\nRegion = y\n": "line 4: the key region is there already, at line 2",
	} {
		got := ""
		if why := Unread(text); why != nil {
			got = why.Error()
		}
		if !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

package userfile

import "testing"

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"":                                    "",
		"a\r\nb":                              "a\r\nb",
		"\xef\xbb\xbfa":                       "a",
		"\xef\xbb\xbfa\n\xef\xbb\xbfb":        "a\nb",
		"\xef\xbb":                            "\xef\xbb",
		"\xff\xfea\x00\n\x00":                 "a\n",
		"\xfe\xff\x00a\x00\n":                 "a\n",
		"\xff\xfea\x00b":                      "a",
		"\xff\xfe":                            "",
		"\xff\xfea\x00\xff\xfeb\x00":          "ab",
		"\xff\xfe\x3d\xd8\x00\xde":            "\U0001f600",
		"\xff":                                "\xff",
		"-----BEGIN X-----\nAAAA\n\xff\xfe--": "-----BEGIN X-----\nAAAA\n\xff\xfe--",
	} {
		if got := string(Text([]byte(in))); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

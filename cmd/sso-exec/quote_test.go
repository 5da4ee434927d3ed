package main

import "testing"

// What Windows' shells and CommandLineToArgvW make one word of again.
func TestQuoteWindows(t *testing.T) {
	for in, want := range map[string]string{
		`--ca-file=C:\certs\ca.pem`:       `--ca-file=C:\certs\ca.pem`,
		`\\server\share\ca.pem`:           `\\server\share\ca.pem`,
		`--cache-dir=C:\Users\A B\cache\`: `"--cache-dir=C:\Users\A B\cache\\"`,
		"--scope=email,groups":            `"--scope=email,groups"`,
		`a "b"`:                           `"a \"b\""`,
		"a&b":                             `"a&b"`,
		"":                                `""`,
	} {
		if got := quoteWindows(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

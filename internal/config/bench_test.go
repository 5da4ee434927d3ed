package config

import "testing"

// What a cached answer pays for its config file, where the machine has none of
// its own.
func BenchmarkOpen(b *testing.B) {
	paths := Paths{System: "/none/sso-exec/config.yaml", User: write(b, good)}
	b.ReportAllocs()
	for b.Loop() {
		c, err := paths.Open()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := c.Profile("corp", testKeys); err != nil {
			b.Fatal(err)
		}
	}
}

package config

import "testing"

// What a cached answer pays for its config file.
func BenchmarkUse(b *testing.B) {
	path := write(b, good)
	b.ReportAllocs()
	for b.Loop() {
		f, err := Load(path)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := f.Profile("corp", known); err != nil {
			b.Fatal(err)
		}
	}
}

// The same through the layers, where the machine has no file of its own.
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

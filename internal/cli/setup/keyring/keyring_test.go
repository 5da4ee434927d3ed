package keyring

import (
	"bytes"
	"testing"
)

// What setup writes into pip's configuration is in [global], once, and is all that
// --remove takes out again.
func FuzzPut(f *testing.F) {
	for _, s := range []string{"", "[global]\n", "# mine\n[global]\nindex-url = x\n[install]\n", "[global]\r\na=b",
		"[install]\nkeyring-provider = import\n", "[global]\nkeyring_provider: subprocess\n", "[global]\n[global]\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		first := without(text) // what an earlier setup wrote is none of the person's
		if !bytes.Equal(first, text) {
			return
		}
		with, err := put(text)
		if err != nil || bytes.Equal(with, text) {
			return
		}
		if again, err := put(with); err != nil || !bytes.Equal(again, with) {
			t.Errorf("%q: %q, then %q, %v", text, with, again, err)
		}
		back := without(with)
		if end := bytes.TrimRight(text, "\r\n"); !bytes.HasPrefix(back, end) ||
			len(bytes.Trim(back[len(end):], "\r\n")) > 0 {
			t.Errorf("%q: %q, then %q", text, with, back)
		}
	})
}

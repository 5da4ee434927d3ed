package apikey

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
)

func TestKeyNeverPrints(t *testing.T) {
	key := generate(t, live)
	holder := struct {
		Key    Key
		Ptr    *Key
		hidden Key // fmt calls no method of it
		inside any
	}{key, &key, key, []Key{key}}

	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%p"} {
		fmt.Fprintf(&out, verb+"\n", key)
		fmt.Fprintf(&out, verb+"\n", &key)
		fmt.Fprintf(&out, verb+"\n", holder)
		fmt.Fprintf(&out, verb+"\n", []Key{key})
		fmt.Fprintf(&out, verb+"\n", map[string]Key{"k": key})
	}
	if err := json.NewEncoder(&out).Encode(holder); err != nil {
		t.Fatal(err)
	}
	if err := xml.NewEncoder(&out).Encode(key); err != nil {
		t.Fatal(err)
	}
	if err := gob.NewEncoder(&out).Encode(key); err == nil {
		t.Error("gob encodes a key")
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("m", "key", key, "holder", holder)
	}
	func() {
		defer func() { fmt.Fprintln(&out, recover()) }()
		panic(fmt.Sprint(holder))
	}()

	// No six characters of what is secret, plain or in hexadecimal.
	secret := strings.TrimPrefix(key.Reveal(), "acme_live_")
	for i := range len(secret) - 5 {
		part := secret[i : i+6]
		for _, leak := range []string{part, fmt.Sprintf("%x", part), fmt.Sprintf("%X", part)} {
			if strings.Contains(out.String(), leak) {
				t.Fatalf("%q of the key is in the output:\n%s", leak, out.String())
			}
		}
	}
	if !strings.Contains(out.String(), key.Masked()) {
		t.Errorf("the mask %s is not in the output:\n%s", key.Masked(), out.String())
	}
}

func TestMasked(t *testing.T) {
	for range 200 {
		text := generate(t, live).Reveal()
		key, err := live.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if want := "acme_live_..." + text[len(text)-4:]; key.Masked() != want || key.String() != want {
			t.Fatalf("masked: %s, not %s", key.Masked(), want)
		}
	}
	var none Key
	if none.Masked() != "" || none.Reveal() != "" || !none.IsZero() || fmt.Sprintf("%#v", none) != "" {
		t.Error("the zero key prints")
	}
}

func TestKeyEqual(t *testing.T) {
	a, b := generate(t, live), generate(t, live)
	again, err := live.Parse(a.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	if !a.Equal(again) || a.Equal(b) || a.Equal(Key{}) {
		t.Error("Equal is wrong")
	}
	// == would not be in constant time: it must not compile, nor panic in a map.
	if reflect.TypeFor[Key]().Comparable() {
		t.Error("keys can be compared with ==")
	}
}

func TestHash(t *testing.T) {
	key := generate(t, live)
	h := key.Hash()
	if want := fmt.Sprintf("%x", sha256.Sum256([]byte(key.Reveal()))); h.String() != want {
		t.Errorf("hash %s, not %s", h, want)
	}
	doc, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	var back Hash
	if err := json.Unmarshal(doc, &back); err != nil || !back.Equal(h) {
		t.Errorf("%s comes back as %s: %v", h, back, err)
	}
	if parsed, err := ParseHash(h.String()); err != nil || parsed != h {
		t.Errorf("ParseHash: %s, %v", parsed, err)
	}
	other := h
	other[31] ^= 1
	if h.Equal(other) {
		t.Error("a hash equals another")
	}
	for _, bad := range []string{"", h.String()[1:], h.String() + "0", strings.Repeat("g", 64)} {
		if _, err := ParseHash(bad); err == nil {
			t.Errorf("ParseHash(%q) is accepted", bad)
		}
	}
}

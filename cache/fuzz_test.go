package cache

import (
	"encoding/json"
	"errors"
	"testing"
	"time"
)

func seeds(f *testing.F) {
	for _, s := range []string{
		`{"version":1,"refreshToken":"r","accessToken":"a","idToken":"i","kind":"token","token":"t"}`,
		`{"version":1,"kind":"aws-keys","accessKeyId":"A","secretAccessKey":"s"}`,
		`{"version":2}`, `{"version":-1}`, `{"version":"1"}`,
		`{"version":1,"expiresAt":"9999-12-31T23:59:59Z","unknown":[{}]}`, `{"Version":1,"REFRESHTOKEN":"r"}`,
		`{"version":1,"version":2}`, `null`, `[]`, ``, `{`, "\x00", `{"version":1,"":"","-":1}`, `{"version":1e0}`,
	} {
		f.Add([]byte(s))
	}
}

// sorted says whether a decoding failed in one of the two known ways.
func sorted(err error) bool {
	var v newer
	return errors.Is(err, ErrCorrupt) || errors.As(err, &v) && int(v) > formatVersion
}

func FuzzDecodeSession(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		rec, err := decodeSession(b)
		if err != nil {
			if !sorted(err) {
				t.Errorf("error %v (%T)", err, err)
			}
			return
		}
		written, err := rec.encode()
		if err != nil {
			return // a time that JSON cannot hold
		}
		again, err := decodeSession(written)
		if err != nil || !again.RefreshToken.Equal(rec.RefreshToken) || again.Subject != rec.Subject ||
			again.TokenEndpoint != rec.TokenEndpoint {
			t.Errorf("%s is rewritten as %s: %v", b, written, err)
		}
	})
}

func FuzzDecodeTokens(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		rec, err := decodeTokens(b)
		if err != nil {
			if !sorted(err) {
				t.Errorf("error %v (%T)", err, err)
			}
			return
		}
		rec.unknown, _ = unknownFields(b, tokensFile{Tokens: rec})
		written, err := rec.encode()
		if err != nil {
			return
		}
		if again, err := decodeTokens(written); err != nil || !again.AccessToken.Equal(rec.AccessToken) ||
			!again.IDToken.Equal(rec.IDToken) || !json.Valid(written) {
			t.Errorf("%s is rewritten as %s: %v", b, written, err)
		}
	})
}

func FuzzDecodeDerived(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := decodeDerived(b)
		if err != nil {
			if !sorted(err) {
				t.Errorf("error %v (%T)", err, err)
			}
			return
		}
		if c.Token.IsZero() == (c.AWS == nil) {
			t.Errorf("%s is %+v: neither a token nor keys, or both", b, c)
		}
		if c.AWS != nil && (c.AWS.AccessKeyID == "" || c.AWS.SecretAccessKey.IsZero()) {
			t.Errorf("%s has incomplete keys", b)
		}
		c.LastsFor(time.Minute, time.Now())
		if written, err := encodeDerived(c); err == nil {
			if _, err := decodeDerived(written); err != nil {
				t.Errorf("%s is rewritten as %s: %v", b, written, err)
			}
		}
	})
}

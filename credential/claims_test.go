package credential

import (
	"strings"
	"testing"
)

func TestParseJWT(t *testing.T) {
	for token, ok := range map[string]bool{
		"e30.e30.c2ln": true, "e30.e30.": true, "e30.e30": false, "e30.e30.c2ln.x": false, "": false,
		"e30.e30.%%": false, "e30.e30=.c2ln": false, "e30.e3\n0.c2ln": false, "e3+.e30.c2ln": false,
	} {
		parsed, err := ParseJWT(token)
		if (err == nil) != ok || ok && (parsed.Signed != "e30.e30" || string(parsed.Payload) != "{}") {
			t.Errorf("%q: %+v, %v", token, parsed, err)
		}
		if err != nil && token != "" && strings.Contains(err.Error(), token) {
			t.Errorf("%q is in its error: %v", token, err)
		}
	}
}

// Only the claims need to be there: the rest is for whoever verifies.
func TestPeekClaims(t *testing.T) {
	for token, want := range map[string]string{
		"e30.eyJzdWIiOiJhIn0.c2ln": "a", "x.eyJzdWIiOiJhIn0.%": "a", "e30.e30.c2ln": "", "e30.bm8.c2ln": "-", "opaque": "-",
		"": "-",
	} {
		var claims struct{ Sub string }
		if ok := PeekClaims(NewSecret(token), &claims); ok != (want != "-") || ok && claims.Sub != want {
			t.Errorf("%q: %v, %+v", token, ok, claims)
		}
	}
}

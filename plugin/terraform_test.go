package plugin

import (
	"testing"

	"github.com/sso-exec/sso-exec/credential"
)

func TestEncodeTerraform(t *testing.T) {
	b, err := EncodeTerraform(credential.Credential{Token: credential.NewSecret(`t<o>k"`), TokenType: "Bearer"})
	if err != nil || string(b) != `{"token":"t<o>k\""}`+"\n" {
		t.Errorf("%q, %v", b, err)
	}
	for _, bad := range []string{"", "a\nb", "a\x00", "\u212a"} {
		if b, err := EncodeTerraform(credential.Credential{Token: credential.NewSecret(bad)}); err == nil {
			t.Errorf("%q: %q", bad, b)
		}
	}
}

package e2e

import (
	"strings"
	"testing"
)

// TestDoctorRotation: this provider takes a refresh token once, and ends the grant that
// one is used twice of. The member's own session is not touched.
func TestDoctorRotation(t *testing.T) {
	t.Parallel()
	p := newCertified(t, certifiedOptions{})
	c := p.member()
	c.signIn()
	before := c.stored()

	doctor := c.run("doctor", c.pkce("--rotation", "--yes")...)
	c.visit(c.url(doctor))
	said := strings.Join(strings.Fields(doctor.ok()), " ")
	for _, want := range []string{
		"refresh tokens rotate: each refresh brings a new one",
		"no grace: a replaced token is refused at once",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("doctor --rotation does not say %q: %s", want, said)
		}
	}
	if !strings.Contains(said, "reuse of a replaced token ends the session") &&
		!strings.Contains(said, "two at once end the session") {
		t.Errorf("doctor --rotation does not say what reuse costs: %s", said)
	}
	if c.stored() != before {
		t.Error("the member's own session has changed")
	}
	c.run("kube", "--force").ok()
}

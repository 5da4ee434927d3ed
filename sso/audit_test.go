package sso_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sso-exec/sso-exec/internal/audit"
	"github.com/sso-exec/sso-exec/providertest"
	"github.com/sso-exec/sso-exec/sso"
)

// The trail has what a program does with a session, under the program's name.
func TestAudit(t *testing.T) {
	w := newWorld(t, providertest.Config{})
	state := t.TempDir()
	t.Setenv(stateVariable, state)
	trail := func() (all []string) {
		_, err := audit.Read(filepath.Join(state, "sso-exec"), func(e audit.Event) {
			all = append(all, fmt.Sprintf("%s %s %s", e.Event, e.Subject, e.Result))
			if e.Tool != "sso.test" && e.Tool != "sso.test.exe" || e.Issuer != w.Issuer() || len(e.Session) != 64 {
				t.Errorf("%+v", e)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	w.login(t)
	token(t, w.client())
	token(t, w.client(func(c *sso.Client) { c.Audit = "off" }))
	token(t, w.client(func(c *sso.Client) { c.Audit = "all" }))
	_, err := w.client(nobody, func(c *sso.Client) { c.Session = "other" }).TokenSource(t.Context()).Token()
	if !errors.Is(err, sso.ErrLoginRequired) {
		t.Error(err)
	}
	if err := w.client().Logout(t.Context()); err != nil {
		t.Error(err)
	}
	want := []string{"sign-in alice ok", "cached alice ok", "refused  sign-in-needed", "logout alice ok"}
	if got := trail(); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if _, err := w.client(func(c *sso.Client) { c.Audit = "some" }).Login(t.Context()); !errors.Is(err, sso.ErrUsage) {
		t.Error(err)
	}
}

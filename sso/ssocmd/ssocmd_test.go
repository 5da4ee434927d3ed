package ssocmd_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/providertest"
	"github.com/sso-exec/sso-exec/sso"
	"github.com/sso-exec/sso-exec/sso/ssocmd"
)

// program runs a program with the commands added, on a machine of its own.
func program(t *testing.T, p *providertest.Provider) func(args ...string) (stdout, stderr string, err error) {
	dir := filepath.Join(t.TempDir(), "cache")
	return func(args ...string) (string, string, error) {
		client := &sso.Client{Issuer: p.Issuer(), ClientID: "cli", CacheDir: dir, Scopes: []string{"email"},
			OpenBrowser: func(_ context.Context, url string) error {
				go func() {
					if resp, err := p.Client().Get(url); err == nil {
						resp.Body.Close()
					}
				}()
				return nil
			}}
		root := &cobra.Command{Use: "acme", SilenceErrors: true, SilenceUsage: true}
		ssocmd.Add(root, client)
		var stdout, stderr bytes.Buffer
		root.SetOut(&stdout)
		root.SetErr(&stderr)
		root.SetArgs(args)
		err := root.ExecuteContext(t.Context())
		return stdout.String(), stderr.String(), err
	}
}

func TestCommands(t *testing.T) {
	p := providertest.New(t, providertest.Config{PlainHTTP: true})
	// A name that a terminal would obey.
	p.SetUser(providertest.User{Subject: "eve", Email: "eve\x1b[2J@corp.example"})
	run := program(t, p)
	for _, name := range []string{"status", "whoami"} {
		if out, errs, err := run(name); !errors.Is(err, sso.ErrLoginRequired) || out+errs != "" {
			t.Errorf("%s before a sign-in: %q %q %v", name, out, errs, err)
		}
	}
	out, errs, err := run("login")
	if err != nil || out != "Signed in as eve[2J@corp.example.\n" || errs != "" {
		t.Errorf("login: %q %q %v", out, errs, err)
	}
	out, errs, err = run("status")
	if err != nil || errs != "" || !strings.Contains(out, "it renews by itself") || strings.Contains(out, "\x1b") {
		t.Errorf("status: %q %q %v", out, errs, err)
	}
	out, _, err = run("whoami", "-o", "json")
	var who map[string]string
	if err != nil || json.Unmarshal([]byte(out), &who) != nil || who["subject"] != "eve" || who["issuer"] != p.Issuer() {
		t.Errorf("whoami: %q %v", out, err)
	}
	out, _, err = run("status", "-o", "json")
	var st map[string]any
	if err != nil || json.Unmarshal([]byte(out), &st) != nil || st["renews"] != true || st["id"] == "" {
		t.Errorf("status as JSON: %q %v", out, err)
	}
	if _, _, err := run("status", "-o", "yaml"); err == nil {
		t.Error("status -o yaml worked")
	}
	if _, _, err := run("login", "corp"); err == nil {
		t.Error("login with an argument worked")
	}
	p.Fault(providertest.Revoke, providertest.Fault{Status: 503})
	out, errs, err = run("logout")
	if err != nil || out != "Signed out.\n" || !strings.HasPrefix(errs, "warning: "+sso.ErrNotRevoked.Error()) {
		t.Errorf("logout that revokes nothing: %q %q %v", out, errs, err)
	}
	out, errs, err = run("logout")
	if err != nil || out != "Signed out.\n" || errs != "" {
		t.Errorf("logout of nobody: %q %q %v", out, errs, err)
	}
}

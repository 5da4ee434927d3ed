package settings

import (
	"slices"
	"testing"

	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/policy"
)

// What may be given where a policy denies overrides is a promise.
func TestFree(t *testing.T) {
	want := []string{"account-id", "cluster", "explain", "for", "force", "interactive", "mode", "no-newline", "output",
		"profile",
		"role-name",
		"verbose"}
	got := With(Free)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Each setting that names a program is bound by the rule about helpers, unless the
// system's config has it.
func TestHelpers(t *testing.T) {
	p := &policy.Policy{Path: "/p.yaml", HelpersDenied: true}
	count := 0
	for _, r := range table {
		if (r.Kind == Command || r.Kind == TokenFrom) != (r.Rule == "helpers") {
			t.Errorf("%s: a program, or the rule about them, but not both", r.Name)
		}
		if r.Rule != "helpers" {
			continue
		}
		count++
		value := "program"
		if r.Kind == TokenFrom {
			value = "command:program"
		}
		for by, want := range map[Origin]fault.Kind{
			{By: ByFlag}:     fault.Forbidden,
			{By: ByVariable}: fault.Forbidden,
			{By: ByProfile, At: config.Origin{Layer: config.User}}:   fault.Forbidden,
			{By: ByProfile, At: config.Origin{Layer: config.Named}}:  fault.Forbidden,
			{By: ByProfile, At: config.Origin{Layer: config.System}}: fault.Other,
		} {
			o := For(ToolToken)
			o.Policy, o.obeying = p, true
			if err := r.Set(&o.Settings, value); err != nil {
				t.Fatal(err)
			}
			o.From[r.Name] = by
			if err := o.Obey(); fault.KindOf(err) != want {
				t.Errorf("%s by %v: %v", r.Name, by, err)
			}
		}
	}
	if count == 0 {
		t.Error("no setting names a program")
	}
}

// A parameter that names another organization than the one that is allowed is refused.
func TestOrganizationParams(t *testing.T) {
	for param, want := range map[string]fault.Kind{
		"organization_id=org_a": fault.Other,
		"prompt=login":          fault.Other,
		"organization_id=org_b": fault.Forbidden,
		"Organization=org_b":    fault.Forbidden,
		"org_id=":               fault.Forbidden,
	} {
		for _, name := range []string{"auth-param", "exchange-param"} {
			o := For(ToolToken)
			o.Policy, o.obeying = &policy.Policy{Path: "/p.yaml", Organizations: []string{"org_a", "org_b"}}, true
			o.Provider.Issuer, o.Provider.ClientID, o.Provider.Organization = "https://a.example", "cli", "org_a"
			if err := o.Set(name, ByFlag, param); err != nil {
				t.Fatal(err)
			}
			if err := o.Obey(); fault.KindOf(err) != want {
				t.Errorf("--%s %s: %v", name, param, err)
			}
		}
	}
}

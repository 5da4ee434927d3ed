package settings

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/fault"
)

// MovesStore reports whether a session that exists may move to the store that is
// set: login does that, and a profile. The flags and variables of what a tool
// calls are its caller's, who is not to choose where a secret is kept.
func (o *Resolved) MovesStore() bool {
	return o.From.Said("store") && (o.Tool == ToolLogin || !o.From.Given("store"))
}

// StepUp is what the sign-in must be like (--acr, --max-age, --claims).
func (o *Resolved) StepUp() flows.StepUp {
	// a challenge has them in one string (RFC 9470 §3)
	u := flows.StepUp{ACR: strings.Fields(strings.Join(o.SignIn.ACR, " "))}
	if o.SignIn.MaxAge >= 0 {
		u.MaxAge = &o.SignIn.MaxAge
	}
	if o.SignIn.Claims != "" {
		u.Claims, _ = flows.ParseClaims(o.SignIn.Claims) // check told what is wrong with it
	}
	return u
}

// checkStepUp tells what is wrong with what is asked of the sign-in.
func (o *Resolved) checkStepUp() error {
	if o.From.Said("max-age") {
		if err := o.checkRow("max-age"); err != nil {
			return err
		}
	}
	if err := o.checkRow("acr"); err != nil {
		return err
	}
	if o.SignIn.Claims != "" {
		if _, err := flows.ParseClaims(o.SignIn.Claims); err != nil {
			return fault.Usagef("--claims: %w (OpenID Connect Core §5.5)", err)
		}
	}
	for _, own := range []struct {
		flag, param string
		given       bool
	}{{"acr", "acr_values", len(o.SignIn.ACR) > 0}, {"max-age", "max_age", o.SignIn.MaxAge >= 0},
		{"claims", "claims", o.SignIn.Claims != ""}} {
		switch {
		case !own.given:
		case o.Provider.Identity == credential.Service:
			return fault.InUsage(fmt.Errorf("--%s: that is for a person's sign-in, and this is a service", own.flag),
				"leave it out")
		case own.flag != "claims" && o.Dialect().NoOpenID:
			return fault.InUsage(fmt.Errorf("--%s: %s has no ID tokens, so a sign-in cannot be checked", own.flag,
				o.Dialect().Title), "leave it out")
		case slices.ContainsFunc(o.SignIn.AuthParams, func(kv string) bool { return strings.HasPrefix(kv, own.param+"=") }):
			return fault.InUsage(errors.New("--"+own.flag+" and --auth-param "+own.param+" say the same"),
				"leave one of them out; --"+own.flag+" is checked")
		}
	}
	return nil
}

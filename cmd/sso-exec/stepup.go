package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/fault"
)

// stepUp is what the sign-in must be like (--acr, --max-age, --claims).
func (o *options) stepUp() flows.StepUp {
	u := flows.StepUp{ACR: strings.Fields(strings.Join(o.acr, " "))} // a challenge has them in one string (RFC 9470 §3)
	if o.maxAge >= 0 {
		u.MaxAge = &o.maxAge
	}
	if o.claims != "" {
		u.Claims, _ = flows.ParseClaims(o.claims) // check told what is wrong with it
	}
	return u
}

// checkStepUp tells what is wrong with what is asked of the sign-in.
func (o *options) checkStepUp() error {
	if err := checkDuration("max-age", o.maxAge); err != nil && o.flags.Changed("max-age") {
		return fault.Usagef("--max-age %w", err)
	}
	for _, acr := range o.acr {
		if err := checkACR(acr); err != nil {
			return fault.Usagef("--acr %w", err)
		}
	}
	if o.claims != "" {
		if _, err := flows.ParseClaims(o.claims); err != nil {
			return fault.Usagef("--claims: %w (OpenID Connect Core §5.5)", err)
		}
	}
	for _, own := range []struct {
		flag, param string
		given       bool
	}{{"acr", "acr_values", len(o.acr) > 0}, {"max-age", "max_age", o.maxAge >= 0}, {"claims", "claims", o.claims != ""}} {
		switch {
		case !own.given:
		case o.identity == credential.Service:
			return fault.InUsage(fmt.Errorf("--%s: that is for a person's sign-in, and this is a service", own.flag), "leave it out")
		case own.flag != "claims" && o.dialect().NoOpenID:
			return fault.InUsage(fmt.Errorf("--%s: %s has no ID tokens, so nobody can tell how a sign-in was made", own.flag, o.dialect().Title), "leave it out")
		case slices.ContainsFunc(o.authParams, func(kv string) bool { return strings.HasPrefix(kv, own.param+"=") }):
			return fault.InUsage(errors.New("--"+own.flag+" and --auth-param "+own.param+" say the same"), "leave one of them out; --"+own.flag+" is checked")
		}
	}
	return nil
}

// stepUpParams are what the sign-in must be like, as parameters of the key of the
// tokens. They are no part of the session's: it is the same one that is stepped up.
func (o *options) stepUpParams() (params []string) {
	u := o.stepUp()
	if len(u.ACR) > 0 {
		params = append(params, "acr_values="+strings.Join(u.ACR, " "))
	}
	if u.MaxAge != nil {
		params = append(params, fmt.Sprintf("max_age=%d", int64(*u.MaxAge/time.Second)))
	}
	if u.Claims != "" {
		params = append(params, "claims="+u.Claims)
	}
	return params
}

package settings

import (
	"errors"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/apikeys"
	"github.com/sso-exec/sso-exec/internal/fault"
)

// checkAPIKey tells what is wrong with the settings of a command that is to hand
// out an API key: all that it needs is the key's name. People sign in.
func (o *Resolved) checkAPIKey() error {
	if err := apikeys.CheckAPIKeyName(o.APIKey); err != nil {
		return err
	}
	switch {
	case o.From.Said("identity") && o.Provider.Identity == credential.Human:
		return fault.InUsage(errors.New("API keys are for services, and this is a person's profile (identity: human)"),
			"people sign in: "+LoginCommand(o, "identity"))
	case o.From.Said("token-type") && o.Target.TokenType == credential.IDToken:
		return fault.Usagef("--token-type id: an API key is no ID token")
	case o.Storage.CacheDir == "":
		return NoHome("no place in which API keys could be", "name the place with --cache-dir")
	}
	return nil
}

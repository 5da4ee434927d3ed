package account

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/cli/lookup"
	"github.com/sso-exec/sso-exec/internal/cli/setup"
	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// orgUse is one run of org use.
type orgUse struct {
	setup.Flags
	o *settings.Resolved
}

// newOrgUse makes the command that pins a profile to an organization.
func newOrgUse() *cobra.Command {
	u := &orgUse{o: settings.For(settings.ToolOrg)}
	c := &cobra.Command{
		Use:   "use ID|NAME",
		Short: "choose the organization of a profile",
		Long: `Choose the organization that a profile is for. A token for it is got first, from
the existing session where the provider can switch, else by a sign-in; then
the change to the profile is shown, and made. A switch that fails changes
nothing.`,
		Example: `  sso-exec org use org_01HACME
  sso-exec org use acme --profile corp --yes
  sso-exec org use --remove`,
		Args: cobra.MaximumNArgs(1),
	}
	c.Flags().BoolVar(&u.DryRun, "dry-run", false, "show what would change, and change nothing")
	c.Flags().BoolVarP(&u.Yes, "yes", "y", false, "do not ask")
	c.Flags().BoolVar(&u.Remove, "remove", false, "take the choice out of the profile")
	c.ValidArgsFunction = command.FirstOf(lookup.OrganizationIDs)
	return command.WithSettings(u.o, c, u.run)
}

func (u *orgUse) run(ctx context.Context, args []string) error {
	o := u.o
	if err := o.Check(); err != nil {
		return err
	}
	switch {
	case len(args) == 0 && !u.Remove:
		return fault.InUsage(errors.New("which organization?"), "sso-exec org use ID; see: sso-exec org list")
	case len(args) > 0 && u.Remove:
		return fault.Usagef("%q and --remove contradict each other: leave one of them out", args[0])
	case o.From.Typed("organization"):
		return fault.InUsage(errors.New("--organization is for one call; this command is for a profile"),
			talk.Paste(append([]string{"sso-exec", "org", "use"}, talk.Positional(o.Provider.Organization)...)...))
	case o.Source.Profile == "":
		return fault.InUsage(errors.New("no profile is in use, so there is nothing to change"),
			"pass --organization ID with the other flags, or make a profile: sso-exec setup provider")
	case !u.DryRun && !u.Yes && !talk.CanAsk():
		return talk.ErrNobody()
	}
	var id, name string
	if !u.Remove {
		// What a variable says is not what the profile will.
		st, err := organizations(o)
		if err != nil && !fault.Holds[*session.LoginRequiredError](err) {
			return err
		}
		var isKnown bool
		if id, name, isKnown, err = organizationNamed(st.Organizations, args[0]); err != nil {
			return err
		}
		if u.DryRun && !isKnown {
			talk.Warn(fmt.Errorf("organization %s is not known here; without --dry-run a token for it would be asked for first",
				id))
		}
	}
	e, err := u.edit(id)
	if err != nil {
		return err
	}
	if !u.DryRun && !u.Remove {
		if err := u.try(ctx, id); err != nil {
			return err
		}
	}
	done, err := u.Apply(e)
	if done && !bytes.Equal(e.Old, e.New) {
		fmt.Fprintln(talk.Out, u.said(id, name))
	}
	if done && os.Getenv(settings.VariableOf("organization")) != "" {
		talk.Warn(fmt.Errorf("the variable %s overrides the profile", settings.VariableOf("organization")))
	}
	return err
}

// said tells what the profile is for now.
func (u *orgUse) said(id, name string) string {
	profile := talk.OrgName(u.o.Source.Profile)
	if u.Remove {
		return fmt.Sprintf("Profile %s names no %s any more.", profile, orgWord(u.o))
	}
	return fmt.Sprintf("Profile %s is for %s %s now.", profile, orgWord(u.o), talk.OrgTitle(id, name))
}

// edit is the change to the config file.
func (u *orgUse) edit(id string) (setup.Edit, error) {
	path := cmp.Or(u.o.Source.Config, config.DefaultPath())
	if path == "" {
		return setup.Edit{}, settings.NoHome("no config file", "name one with --config")
	}
	return u.ConfigEdit(path, func(text []byte) ([]byte, error) {
		if u.Remove {
			return config.RemoveKey(text, u.o.Source.Profile, "organization")
		}
		return config.SetKey(text, u.o.Source.Profile, "organization", id)
	})
}

// try gets a token for the organization: from the stored session, or by a
// sign-in.
func (u *orgUse) try(ctx context.Context, id string) error {
	o := *u.o
	to, err := profileTo(&o, id)
	if err != nil {
		return err
	}
	s, err := acquire.Open(to, acquire.Caller{})
	if err != nil {
		return err
	}
	if _, _, err := acquire.Obtain(ctx, s,
		session.Need{TokenType: credential.AccessToken, MinTTL: session.TokenTTL}); err != nil {
		if ctx.Err() != nil {
			return err
		}
		return fault.Say(err, fmt.Sprintf("profile %s was not changed: %v", u.o.Source.Profile, err),
			command.Hints(to, err)...)
	}
	talk.Stderr.End()
	return nil
}

// profileTo returns the settings as they will be with the organization.
func profileTo(o *settings.Resolved, id string) (*settings.Resolved, error) {
	to := settings.For(settings.ToolOrg)
	for name := range o.From {
		if o.From.Given(name) && settings.Find(name).Of(to.Tool) {
			to.Take(o, name)
		}
	}
	if err := to.Set("organization", settings.ByFlag, id); err != nil {
		return nil, err
	}
	if err := to.FillFromConfig(); err != nil {
		return nil, err
	}
	if err := to.Settle(); err != nil {
		return nil, err
	}
	return to, to.Check()
}

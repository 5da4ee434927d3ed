package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/session"
)

// orgUse is one run of org use.
type orgUse struct {
	setupFlags
	o *options
}

// newOrgUse makes the command that pins a profile to an organization.
func newOrgUse() *cobra.Command {
	u := &orgUse{o: newOptions(toolOrg)}
	c := &cobra.Command{
		Use:   "use ID|NAME",
		Short: "choose the organization of a profile",
		Long: `Choose the organization that a profile is for. A token for it is got first, from
the session that there is where the provider can switch, else by a sign-in; then
the change to the profile is shown, and made. A switch that fails changes
nothing.`,
		Example: `  sso-exec org use org_01HACME
  sso-exec org use acme --profile corp --yes
  sso-exec org use --remove`,
		Args: cobra.MaximumNArgs(1),
	}
	c.Flags().BoolVar(&u.dryRun, "dry-run", false, "show what would change, and change nothing")
	c.Flags().BoolVarP(&u.yes, "yes", "y", false, "do not ask")
	c.Flags().BoolVar(&u.remove, "remove", false, "take the choice out of the profile")
	c.ValidArgsFunction = firstOf(organizationIDs)
	return withSettings(u.o, c, u.run)
}

func (u *orgUse) run(ctx context.Context, args []string) error {
	o := u.o
	if err := o.check(); err != nil {
		return err
	}
	switch {
	case len(args) == 0 && !u.remove:
		return fault.InUsage(errors.New("which organization?"), "sso-exec org use ID; see: sso-exec org list")
	case len(args) > 0 && u.remove:
		return fault.Usagef("%q and --remove contradict each other: leave one of them out", args[0])
	case o.typed["organization"]:
		return fault.InUsage(errors.New("--organization is for one call; this command is for a profile"), paste(append([]string{"sso-exec", "org", "use"}, positional(o.organization)...)...))
	case o.profile == "":
		return fault.InUsage(errors.New("no profile is used here, so there is none to change"), "give --organization ID beside the other flags, or make a profile: sso-exec setup provider")
	case !u.dryRun && !u.yes && !canAsk():
		return errNobody()
	}
	var id, name string
	if !u.remove {
		// What a variable says is not what the profile will.
		st, err := o.organizations()
		var login *session.LoginRequiredError
		if err != nil && !errors.As(err, &login) {
			return err
		}
		var isKnown bool
		if id, name, isKnown, err = organizationNamed(st.Organizations, args[0]); err != nil {
			return err
		}
		if u.dryRun && !isKnown {
			warn(fmt.Errorf("organization %s is not known here; without --dry-run a token for it would be asked for first", id))
		}
	}
	e, err := u.edit(id)
	if err != nil {
		return err
	}
	if !u.dryRun && !u.remove {
		if err := u.try(ctx, id); err != nil {
			return err
		}
	}
	done, err := u.apply(e)
	if done && !bytes.Equal(e.old, e.new) {
		fmt.Fprintln(out, u.said(id, name))
	}
	if done && os.Getenv(envName("organization")) != "" {
		warn(fmt.Errorf("the variable %s stands above the profile", envName("organization")))
	}
	return err
}

// said tells what the profile is for now.
func (u *orgUse) said(id, name string) string {
	profile := orgName(u.o.profile)
	if u.remove {
		return fmt.Sprintf("Profile %s names no %s any more.", profile, u.o.orgWord())
	}
	return fmt.Sprintf("Profile %s is for %s %s now.", profile, u.o.orgWord(), orgTitle(id, name))
}

// edit is the change to the config file.
func (u *orgUse) edit(id string) (edit, error) {
	path := cmp.Or(u.o.config, config.DefaultPath())
	if path == "" {
		return edit{}, noHome("no config file", "name one with --config")
	}
	p := &providerSetup{setupFlags: u.setupFlags, o: u.o, path: path}
	return p.change(func(text []byte) ([]byte, error) {
		if u.remove {
			return config.RemoveKey(text, u.o.profile, "organization")
		}
		return config.SetKey(text, u.o.profile, "organization", id)
	})
}

// try gets a token for the organization: from the session that there is, or by a
// sign-in.
func (u *orgUse) try(ctx context.Context, id string) error {
	o := *u.o
	to, err := profileTo(&o, id)
	if err != nil {
		return err
	}
	s, err := newSession(to, nil)
	if err != nil {
		return err
	}
	if _, err := obtain(ctx, s, session.Need{TokenType: credential.AccessToken, MinTTL: session.TokenTTL}); err != nil {
		if ctx.Err() != nil {
			return err
		}
		return fault.Say(err, fmt.Sprintf("profile %s was left as it was: %v", u.o.profile, err), hints(to, err)...)
	}
	stderr.end()
	return nil
}

// profileTo returns the settings as they will be with the organization.
func profileTo(o *options, id string) (*options, error) {
	to := newOptions(toolOrg)
	to.typed, to.given = map[string]bool{}, map[string]bool{}
	for name, given := range o.given {
		if given && name != "organization" && to.flags.Lookup(name) != nil {
			if err := to.take(o, name); err != nil {
				return nil, err
			}
		}
	}
	to.given["organization"] = to.flags.Set("organization", id) == nil
	if err := to.fillFromConfig(); err != nil {
		return nil, err
	}
	if err := to.settle(); err != nil {
		return nil, err
	}
	return to, to.check()
}

// organizationIDs completes the organizations that are known, without asking
// anybody.
func organizationIDs(cmd *cobra.Command, _ []string, _ string) (ids []string, _ cobra.ShellCompDirective) {
	o := newOptions(toolOrg)
	o.given = map[string]bool{}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if o.flags.Lookup(f.Name) != nil {
			_ = o.take(&options{flags: cmd.Flags()}, f.Name)
		}
	})
	if err := o.read(nil); err != nil || o.check() != nil || o.cacheDir == "" {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var list []cache.Organization
	if e, err := cache.Open(o.cacheDir, func(string) {}).Entry(o.request().SessionKey()); err == nil {
		list = e.Session.Organizations
	}
	for _, k := range union(list, o.organizationsOfOthers()) {
		if quote(k.ID) == k.ID && !slices.Contains(ids, k.ID) {
			ids = append(ids, cobra.CompletionWithDesc(k.ID, orgName(k.Name)))
		}
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}

package account

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

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

// NewProfile makes the commands about profiles.
func NewProfile() *cobra.Command {
	return command.OfOthers(&cobra.Command{
		Use:     "profile",
		Short:   "list profiles, and choose the default",
		Long:    "List the profiles of the config files, and choose the one that is the default.",
		Example: "  sso-exec profile list\n  sso-exec profile use corp",
	}, "command", newProfileList(), newProfileUse())
}

// profileStatus is a profile as profile list -o json shows it. Fields are only ever
// added; docs/config.md explains them.
type profileStatus struct {
	Name     string `json:"name"`
	Default  bool   `json:"default"`
	Issuer   string `json:"issuer"`
	ClientID string `json:"clientId"`
	SignedIn bool   `json:"signedIn"`
}

func newProfileList() *cobra.Command {
	o := settings.For("profile")
	var output string
	c := &cobra.Command{
		Use:   "list",
		Short: "show the profiles, and who is signed in",
		Long: `Show the profiles of the config files, which of them is the default (*), and
for each whether somebody is signed in. No provider is asked.`,
		Example: "  sso-exec profile list -o json",
		Args:    command.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			err := command.CheckOutput(output)
			if err == nil {
				err = listProfiles(o, output)
			}
			return command.Failed(o, err)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	o.Bind(c.Flags(), "config", "cache-dir")
	return c
}

func listProfiles(o *settings.Resolved, output string) error {
	if err := errors.Join(o.ReadPolicy(true), o.FillFromEnvironment(), o.Settle()); err != nil {
		return err
	}
	all, wrong, err := lookup.Profiles(o)
	if err != nil {
		return err
	}
	for _, err := range wrong {
		talk.Warn(err)
	}
	c, err := o.ConfigPaths().Open()
	if err != nil {
		return err
	}
	byDefault, _ := c.Default()
	list := []profileStatus{}
	for _, name := range c.Names() {
		st := profileStatus{Name: name, Default: name == byDefault}
		st.Issuer, st.ClientID = lookup.ProviderOf(c, name)
		if i := slices.IndexFunc(all, func(p *settings.Resolved) bool { return p.Source.Profile == name }); i >= 0 {
			r := acquire.Request(all[i])
			st.Issuer, st.ClientID, st.SignedIn = r.Issuer, r.ClientID, isSignedIn(all[i])
		}
		list = append(list, st)
	}
	if output == "json" {
		return talk.PrintJSON(map[string][]profileStatus{"profiles": list})
	}
	_, err = os.Stdout.WriteString(profilesText(list))
	return err
}

// isSignedIn reports whether the session of settings is stored and can be used.
func isSignedIn(o *settings.Resolved) bool {
	if o.Storage.CacheDir == "" || o.Storage.Store == "none" {
		return false
	}
	e, err := lookup.OpenCache(o).Entry(acquire.Request(o).SessionKey())
	return err == nil && session.Usable(e, time.Now(), session.LimitsOf(o.Policy))
}

func profilesText(list []profileStatus) string {
	if len(list) == 0 {
		return "There are no profiles. To make one, run: sso-exec setup provider\n"
	}
	var rows [][]string
	for _, p := range list {
		mark, signedIn := " ", "no"
		if p.Default {
			mark = "*"
		}
		if p.SignedIn {
			signedIn = "yes"
		}
		rows = append(rows, []string{mark + " " + p.Name, p.Issuer, p.ClientID, signedIn})
	}
	return talk.Grid([]string{"  NAME", "ISSUER", "CLIENT", "SIGNED IN"}, rows)
}

func newProfileUse() *cobra.Command {
	o := settings.For("profile")
	c := &cobra.Command{
		Use:   "use NAME",
		Short: "choose the default profile",
		Long: `Choose the profile that is used where none is named: set default-profile in
your config file, or in the one that --config names. Every other byte of that
file stays as it is. What was there is kept as FILE.bak.`,
		Example: "  sso-exec profile use corp",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("profile use needs the NAME of a profile, as sso-exec profile list shows it")
			}
			if len(args) > 1 {
				return fmt.Errorf("%s accepts the name of one profile, but got %q", cmd.CommandPath(), args)
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			f := setup.Flags{Yes: true} // as kubectl config use-context
			return command.Failed(o, f.Plan(func() error { return useProfile(&f, o, args[0]) }))
		},
		ValidArgsFunction: command.FirstOf(lookup.ProfileNames),
	}
	o.Bind(c.Flags(), "config")
	return c
}

func useProfile(f *setup.Flags, o *settings.Resolved, name string) error {
	if err := errors.Join(o.ReadPolicy(false), o.FillFromEnvironment()); err != nil {
		return err
	}
	if o.Policy != nil && o.Policy.OverridesDenied {
		return o.Policy.Forbid("overrides", "a default profile of your own", "the default-profile of "+config.SystemPath()+
			" counts")
	}
	c, err := o.ConfigPaths().Open()
	if err != nil {
		return fmt.Errorf("config: %w", err)
	}
	if _, err := c.Profile(name, settings.ProfileKeys()); err != nil {
		return fault.InUsage(fmt.Errorf("config: %w", err), "see: sso-exec profile list")
	}
	path := cmp.Or(o.Source.Config, config.DefaultPath())
	if path == "" {
		return settings.NoHome("no config file", "name one with --config")
	}
	e, err := f.ConfigEdit(path, func(text []byte) ([]byte, error) { return config.SetDefault(text, name) })
	if err != nil {
		return err
	}
	if err := e.Write(); err != nil {
		return err
	}
	if variable := settings.VariableOf("profile"); os.Getenv(variable) != "" {
		talk.Warn(fmt.Errorf("the variable %s counts before the default profile", variable))
	}
	return talk.Print("The default profile is now " + talk.OneLine(name) + ".\n")
}

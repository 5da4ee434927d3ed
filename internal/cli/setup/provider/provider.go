// Package provider has the command that makes a profile for a provider.
package provider

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/agents"
	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/cli/setup"
	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// New makes the command that writes a profile for a provider.
func New() *cobra.Command {
	p := &providerSetup{o: settings.For(settings.ToolLogin)}
	c := &cobra.Command{
		Use:   "provider [HOST|URL|TENANT|NAME]",
		Short: "start here: write a profile for your provider, and sign in",
		Long: `Write a profile for your identity provider. Give its host, a URL or a tenant's
name: it finds the issuer, and says what to register at that product. It asks
for what the flags leave open, signs you in, and shows what a cluster and AWS
would see. Then it shows the profile, and asks before it writes it. The flags
that you give go into the profile. Any other word is the profile's NAME;
together with a host, use --profile NAME.`,
		Example: `  sso-exec setup provider login.example.com
  sso-exec setup provider acme.okta.com --profile corp --client-id 0oa1b2c3 \
    --scope email,groups --yes
  sso-exec setup provider corp --issuer https://login.example.com \
    --client-id cli
  sso-exec setup provider --remove corp`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return command.Failed(p.o, p.run(cmd.Context(), args))
		},
	}
	f := c.Flags()
	f.SortFlags = false
	p.Add(f)
	f.BoolVar(&p.makeDefault, "default", false, "make it the default profile even if there is another")
	f.BoolVar(&p.noLogin, "no-login", false, "do not try a sign-in")
	p.o.Bind(f)
	return c
}

// providerSetup is one run of setup provider.
type providerSetup struct {
	setup.Flags
	noLogin, makeDefault bool

	o      *settings.Resolved
	byFlag settings.Origins // given, and not by a variable
	path   string           // of the config file to change
	config *config.Config
	has    map[string]config.Value // what the profile has already; nil: there is none yet
	asks   bool                    // somebody is there to be asked

	address string         // of the provider, as a person knows it; empty: the issuer is named, or asked for
	words   *flows.Dialect // whose words tell what to do at the provider
}

func (p *providerSetup) run(ctx context.Context, args []string) error {
	if err := p.begin(args); err != nil {
		return err
	}
	if p.Remove {
		return p.Plan(p.removeProfile)
	}
	provider, err := p.findProvider(ctx)
	if err != nil {
		return err
	}
	if err := p.recognize(provider); err != nil {
		return err
	}
	answers := talk.OneLine(p.o.Provider.Issuer) + " answers"
	if len(p.words.Register) > 0 {
		answers += ": " + p.words.Title
	}
	p.say("", answers+".")
	fmt.Fprintln(talk.Stderr)
	if err := p.askScopes(provider); err != nil {
		return err
	}
	p.report(provider)
	if err := p.findClient(); err != nil {
		return err
	}
	if err := p.o.Settle(); err != nil {
		return err
	}
	if err := p.o.Check(); err != nil {
		return err
	}
	e, err := p.edit()
	if err != nil {
		return err
	}
	changes := !bytes.Equal(e.Old, e.New)
	if changes {
		if err := p.keepFromAgents(); err != nil {
			return err
		}
	}
	signsIn := changes && !p.DryRun && !p.noLogin
	if signsIn {
		if err := p.signIn(ctx, provider); err != nil {
			return err
		}
	}
	if changes && !p.DryRun {
		fmt.Fprintln(talk.Stderr)
	}
	wrote, err := p.write()
	if signsIn && !wrote && err == nil {
		fmt.Fprintln(talk.Stderr, "You stay signed in. To sign out, "+p.logoutByID())
	}
	return err
}

// keepFromAgents refuses a coding agent a change to a profile that is there: it may be
// what an agent gets, or say what that is.
func (p *providerSetup) keepFromAgents() error {
	name := p.o.Source.Profile
	p.o.Agent = agents.Seen()
	if p.o.Agent.Name == "" || p.DryRun || !p.exists(name) {
		return nil
	}
	return &fault.Error{Kind: fault.Forbidden,
		Err:   fmt.Errorf("profile %q: a coding agent may not change an existing profile", name),
		Hints: []string{"seen as a coding agent: " + p.o.AgentSeen(), "run it in a terminal of your own"}}
}

// begin reads what is given, by the command line, the environment and the
// profile if there is one of that name.
func (p *providerSetup) begin(args []string) error {
	o := p.o
	p.byFlag = o.From.Clone()
	if err := o.ReadPolicy(false); err != nil {
		return err
	}
	if err := errors.Join(o.FillFromEnvironment(), o.CheckOverrides()); err != nil {
		return err
	}
	p.path = cmp.Or(o.Source.Config, config.DefaultPath())
	if p.path == "" {
		return settings.NoHome("no config file", "name one with --config")
	}
	if len(args) > 0 {
		if err := p.open(); err != nil {
			return err
		}
		switch {
		case p.isAddress(args[0]):
			p.address = args[0]
		case args[0] == "":
			return fault.Usagef("a profile needs a name")
		case p.byFlag.Typed("profile") && o.Source.Profile != args[0]:
			return fault.Usagef("name one profile: %q or %q?", args[0], o.Source.Profile)
		}
		if p.address == "" {
			o.Source.Profile = args[0]
		}
	}
	p.asks = talk.CanAsk() && o.SignIn.Interactive != "never" && !p.Yes
	if !p.asks && !p.Yes && !p.DryRun {
		if o.SignIn.Interactive == "never" {
			return fault.InUsage(errors.New("cannot ask: --interactive never"),
				"give --yes, or --dry-run to look first")
		}
		return talk.ErrNobody()
	}
	// A profile keeps the path, and a pipe has no second answer.
	if file := o.Client.SecretFile; strings.HasPrefix(file, "/dev/") || strings.HasPrefix(file, "/proc/") {
		return fault.Usagef("--client-secret-file %s: a profile needs a file that stays", file)
	}
	if err := p.open(); err != nil || p.Remove {
		return err
	}
	if o.Source.Profile == "" && p.address == "" {
		o.Source.Profile = p.same()
	}
	if o.Source.Profile != "" {
		if err := p.adopt(o.Source.Profile); err != nil {
			return err
		}
	}
	return o.Settle()
}

// open reads the config.
func (p *providerSetup) open() (err error) {
	// Not DefaultPaths: a file that is named need not be there yet.
	p.config, err = config.Paths{System: config.SystemPath(), User: p.path}.Open()
	if err == nil || fault.Holds[*userfile.UnsafeError](err) {
		return err
	}
	return fault.Usagef("config: %w", err)
}

// same returns the profile that has this issuer and client ID already; empty:
// none, or these are not known.
func (p *providerSetup) same() string {
	if p.o.Provider.Issuer == "" || p.o.Provider.ClientID == "" {
		return ""
	}
	for _, name := range p.config.Names() {
		profile, err := p.config.Profile(name, settings.ProfileKeys())
		if err == nil && slices.Equal(profile.Settings["issuer"].Values, []string{p.o.Provider.Issuer}) &&
			slices.Equal(profile.Settings["client-id"].Values, []string{p.o.Provider.ClientID}) {
			return name
		}
	}
	return ""
}

// adopt names the profile to write. If there is one of that name, what it has
// holds where nothing else was given.
func (p *providerSetup) adopt(name string) error {
	p.o.Source.Profile = name
	if err := p.look(); err != nil || p.has == nil {
		return err
	}
	return p.o.FillFromProfile(p.has)
}

// look sees what the profile has.
func (p *providerSetup) look() error {
	if p.has = nil; !p.exists(p.o.Source.Profile) {
		return nil
	}
	profile, err := p.config.Profile(p.o.Source.Profile, settings.ProfileKeys())
	if err != nil {
		return fault.Usagef("config: %w", err)
	}
	p.has = profile.Settings
	return nil
}

func (p *providerSetup) exists(name string) bool { return slices.Contains(p.config.Names(), name) }

// askClientID asks for the client ID, if it is not given.
func (p *providerSetup) askClientID() (err error) {
	o := p.o
	for o.Provider.ClientID == "" && p.asks {
		if o.Provider.ClientID, err = p.ask("Client ID", ""); err != nil {
			return err
		}
	}
	if o.Provider.ClientID != "" {
		o.MarkGiven("client-id")
	}
	return nil
}

// findClient asks for what is left: the client ID and the profile's name.
func (p *providerSetup) findClient() (err error) {
	o := p.o
	if err := p.askClientID(); err != nil {
		return err
	}
	if d := o.Dialect(); d.NeedsSecret && !o.HasCredential() {
		return fault.InUsage(fmt.Errorf("clients of %s have a secret, also those for command lines", d.Title),
			"put it into a file that only you can read, and add --client-secret-file FILE")
	}
	if o.Source.Profile != "" || o.Provider.ClientID == "" { // which check complains about
		return nil
	}
	if name := p.same(); name != "" {
		return p.adopt(name)
	}
	name := defaultName(o.Provider.Issuer)
	if p.asks {
		free := name
		for n := 2; p.exists(free); n++ {
			free = fmt.Sprintf("%s-%d", name, n)
		}
		if name, err = p.ask("Name of the profile", free); err != nil {
			return err
		}
		if p.exists(name) {
			fmt.Fprintln(talk.Stderr, "That profile already exists. Changes are shown before they are made.")
		}
	} else if p.exists(name) {
		return fault.InUsage(fmt.Errorf("there is a profile %q already, for something else", name),
			"name the profile: sso-exec setup provider NAME")
	}
	return p.adopt(name)
}

// ask asks for a line; Enter alone stands for the answer that is offered, if
// there is one. An interrupt ends the wait.
func (p *providerSetup) ask(what, offered string) (string, error) {
	question := what + ": "
	if offered != "" {
		question = what + " [" + offered + "]: "
	}
	for {
		line, err := talk.Ask(question)
		if err != nil {
			return "", err
		}
		if flows.Clean(line, len(line)) == line {
			return cmp.Or(line, offered), nil
		}
		fmt.Fprintln(talk.Stderr, "That has characters in it that do not print. Once more, please.") // arrow keys
	}
}

// signIn tries the settings as they will be, before they are written.
func (p *providerSetup) signIn(ctx context.Context, provider *flows.Provider) error {
	if err := p.o.RefuseAgent("a coding agent may not sign in to a new provider"); err != nil {
		return err
	}
	s, err := acquire.Open(p.o, acquire.Caller{})
	if err != nil {
		return err
	}
	p.keepProvider(s, provider)
	err = s.Login(ctx)
	var (
		login   *session.LoginRequiredError
		refusal *flows.OAuthError
		lines   []string
		text    = fmt.Sprintf("the sign-in failed, so nothing was written: %v", err)
	)
	switch {
	case err == nil:
		p.preview(s)
		return nil
	case fault.Holds[*talk.SignalError](err):
		return err
	case errors.As(err, &login):
		text = "cannot ask anybody to sign in, so nothing was written"
		for _, why := range login.Why {
			lines = append(lines, "no prompt: "+why)
		}
		lines = append(lines,
			"run this on a terminal, or name the flow (--flow device), or write the profile without a sign-in: --no-login")
	case errors.As(err, &refusal) && refusal.Code == "invalid_client" && !p.o.HasCredential():
		lines = []string{"if this client has a secret, put that into a file that only you can read, and add " +
			"--client-secret-file FILE",
			"if it should have none, register it as a public or native application"}
	case errors.As(err, &refusal) && refusal.Code == "invalid_client":
		lines = []string{fmt.Sprintf("is that the secret of client %q, and has it not ended?", p.o.Provider.ClientID)}
	case command.ExitCode(err) == command.ExitDenied:
		lines = []string{"did the browser show an error of the provider's? That text is not shown anywhere else",
			"about redirect_uri: register exactly " + strings.Join(p.redirectURIs(), " and "),
			fmt.Sprintf("about the client: is the client ID %q right, and the issuer?", p.o.Provider.ClientID)}
	default:
		lines = command.Hints(p.o, err)
	}
	return fault.Say(err, text, lines...)
}

// next tells what to do with the profile.
func (p *providerSetup) next() {
	if os.Getenv(settings.SecretVariable) != "" && p.o.Client.SecretFile == "" {
		p.say("", "The client's secret is in "+settings.SecretVariable+
			", not in the profile: set it wherever the profile is used, or add --client-secret-file.")
	}
	fmt.Fprintln(talk.Out, "\nNext, have a tool use it:")
	if !strings.HasPrefix(p.o.Provider.Issuer, "http:") { // which no cluster accepts
		fmt.Fprintln(talk.Out, "  "+p.command("setup", "kube")+" --context NAME")
	}
	fmt.Fprintln(talk.Out, "  "+p.command("setup", "aws")+" --role-arn ARN")
}

// command is one of our commands for this profile.
func (p *providerSetup) command(words ...string) string {
	words = slices.Concat([]string{"sso-exec"}, words, []string{"--profile", p.o.Source.Profile})
	if p.o.Source.Config != "" {
		words = append(words, "--config", p.o.Source.Config)
	}
	return talk.Paste(words...)
}

package command

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/flows/sts"
	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/edit/kubeconfig"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/loopback"
	"github.com/sso-exec/sso-exec/internal/policy"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/settings/check"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/terminal"
	"github.com/sso-exec/sso-exec/internal/userfile"
	"github.com/sso-exec/sso-exec/internal/workload"
)

// Exit codes. They are a promise to scripts; this file is the one place that
// gives them.
const (
	ExitOther       = 1   // the provider refused for good, a token does not verify
	ExitUsage       = 2   // the command line or the config is wrong
	ExitLogin       = 3   // a person must sign in, which is not possible here or now
	ExitDenied      = 4   // the sign-in was denied, cancelled or not completed in time
	ExitUnavailable = 5   // a server cannot be reached or is failing; try again later
	ExitStorage     = 6   // local files are unsafe, or a refresh token could not be kept
	ExitForbidden   = 7   // a policy, or what a profile says of coding agents, does not allow it
	ExitNotRunnable = 126 // run: the command cannot be executed, as a shell says it
	ExitNotFound    = 127 // run: there is no such command
	ExitSignal      = 128
)

// codes are the exit codes of the kinds of failures.
var codes = map[fault.Kind]int{
	fault.Other: ExitOther, fault.Usage: ExitUsage, fault.SignIn: ExitLogin, fault.Denied: ExitDenied,
	fault.Unavailable: ExitUnavailable, fault.Storage: ExitStorage, fault.Forbidden: ExitForbidden,
}

// ExitCode returns the exit code of an error.
func ExitCode(err error) int {
	var own fault.Coded
	switch {
	case err == nil:
		return 0
	case errors.As(err, &own):
		return own.ExitsWith()
	}
	return codes[fault.KindOf(err)]
}

// Hints returns what to do about an error, a line each.
func Hints(o *settings.Resolved, err error) []string {
	var (
		login    *session.LoginRequiredError
		unsafe   *cache.UnsafeError
		userFile *userfile.UnsafeError
		refusal  *flows.OAuthError
		sts      *sts.Error
		outage   *flows.UnavailableError
		shared   *session.SharedError

		network *flows.NetworkError

		notHere *workload.NotHereError
		refused *workload.RefusedError

		unnamed *session.OrganizationRequiredError
		notFor  *session.OrganizationError
		roots   *flows.RootError
		issuer  *flows.IssuerError
	)
	own, hasHints := fault.HintsOf(err)
	switch {
	case errors.As(err, &notHere):
		return notHere.Hints
	case errors.As(err, &refused):
		return refused.Hints
	case errors.As(err, &roots) && roots.Whose != "":
		return []string{"name that CA where the secret is named: ca-file: FILE; or leave out " +
			strings.Join(roots.By, " and ")}
	case errors.Is(err, check.ErrNoIssuer) && o.From.Given("client-id"):
		return append(own, "a default profile only counts for its own client ID: next to another, give --profile NAME too")
	case hasHints:
		return own
	case errors.As(err, &unnamed):
		return organizationHints(o, unnamed)
	case errors.As(err, &notFor):
		return refusedOrganizationHints(o, notFor)
	case errors.As(err, &login):
		var lines []string
		for _, why := range login.Why {
			lines = append(lines, "no prompt: "+why)
		}
		lines = append(lines, serviceHints(o)...)
		if o.Storage.Store == "none" {
			return append(lines, "--store none keeps nothing: every run needs a new sign-in")
		}
		if o.Tool == settings.ToolLogin {
			if login.Try != "" {
				lines = append(lines, login.Try)
			}
			return lines
		}
		return append(lines, "to sign in, run: "+settings.LoginCommand(o))
	case errors.Is(err, flows.ErrTimedOut) && o.Tool == settings.ToolAWS:
		return []string{"the AWS SDKs allow less than a minute; to take longer, run: " + settings.LoginCommand(o)}
	case ExitCode(err) == ExitDenied:
		return append(deniedHints(o, err), "to try again, run: "+settings.LoginCommand(o))
	case errors.As(err, &unsafe):
		return []string{fixHint(o, unsafe.Path, unsafe.Fix, cmp.Or(unsafe.Hint, "use another directory")+": --cache-dir DIR")}
	case errors.As(err, &userFile):
		return []string{fixHint(o, userFile.Path, userFile.Fix, userFile.Hint)}
	case fault.Holds[*cache.KeyringError](err):
		return keyringHints(o)
	case fault.Holds[*cache.NewerError](err):
		return []string{"upgrade sso-exec; nothing was changed"}
	case fault.Holds[*session.StorageError](err), errors.As(err, &shared) && shared.Kind == session.FailedStorage:
		return []string{"fix that place, or name another with --cache-dir; your session is unchanged"}
	case errors.Is(err, flows.ErrNotSupported) && o.Tool == settings.ToolLogout:
		return nil
	case errors.Is(err, flows.ErrNotSupported):
		return []string{"try another --flow"}
	case errors.As(err, &network):
		return networkHints(network)
	case fault.Holds[x509.UnknownAuthorityError](err):
		return []string{"if a private CA issued it, name that CA: --ca-file; if a proxy inspects TLS here, name the " +
			"proxy's CA"}
	case errors.As(err, &outage) && outage.Garbled:
		lines := []string{"is there a proxy or a sign-in page of the network in between? Nothing was lost; try again later"}
		if outage.Status >= 400 { // a refusal, but in no words of the protocol's
			lines = append(lines, signInAgain(o, outage.Doing)...)
		}
		return lines
	case errors.As(err, &shared) && shared.Kind == session.FailedOther &&
		strings.HasPrefix(shared.Message, flows.DoingRefresh+":"):
		return signInAgain(o, flows.DoingRefresh)
	case ExitCode(err) == ExitUnavailable && o.Client.CertFile != "" && errors.Is(err, io.EOF):
		return []string{"does the server accept this client's certificate? Some close the connection if not"}
	case ExitCode(err) == ExitUnavailable:
		return []string{"nothing was lost; try again later"}
	case loopback.NoAddress(err):
		return []string{"this machine has no such address; if it only has IPv6, use --redirect-uri " +
			"http://[::1]:0/callback, if that is registered with the provider"}
	case loopback.PortTaken(err):
		return []string{"the port is in use by another program; add another --redirect-uri that is registered with the " +
			"provider"}
	case fault.Holds[*session.OtherPersonError](err):
		return []string{"nothing was changed; if you mean to switch, run: " + settings.LoginCommand(o)}
	case errors.As(err, &issuer) && issuer.BySlash():
		return []string{issuerHint(o, issuer.Got)}
	case errors.As(err, &sts):
		return stsHints(o, sts)
	case errors.As(err, &refusal):
		return refusalHints(o, refusal)
	}
	return nil
}

func keyringHints(o *settings.Resolved) []string {
	if o.Storage.Store != "keyring" { // the session was stored under that choice
		return []string{"the refresh token is stored there; unlock or start the keyring, or begin a session under " +
			"--store " + o.Storage.Store + ": " + settings.LoginCommand(o)}
	}
	return []string{"unlock or start it, as signing in to a desktop does, or choose --store file (a file, mode 0600) " +
		"or --store none"}
}

// Pasted is a command of [cache.UnsafeError] about a path, fit to paste.
func Pasted(fix, path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return fix
	}
	return strings.ReplaceAll(fix, abs, talk.Quote(abs))
}

// fixHint names the command that fixes a path, fit to paste; where there is none,
// what else to do, or the flag that names another path.
func fixHint(o *settings.Resolved, path, fix, hint string) string {
	abs, err := filepath.Abs(path)
	switch {
	case err == nil && fix != "":
		return "check why first; then fix it with: " + Pasted(fix, path)
	case hint != "":
		return hint
	}
	const separator = string(filepath.Separator)
	flag := ""
	for _, r := range settings.Rows(o.Tool) {
		if r.Kind != settings.Path || r.Name == "cache-dir" || r.IsEmpty(&o.Settings) {
			continue
		}
		value, err := r.Anywhere(r.Text(&o.Settings))
		if err == nil && (value == abs || strings.HasPrefix(value, strings.TrimSuffix(abs, separator)+separator)) {
			flag = " (--" + r.Name + ")"
		}
	}
	return "use another file" + flag + ", your own and in a directory that only you can write to"
}

// deniedHints says what is known of a sign-in that a person, or the provider, did
// not let come to its end.
func deniedHints(o *settings.Resolved, err error) []string {
	d := o.Spoken()
	if refusal, ok := errors.AsType[*flows.OAuthError](err); ok {
		if say := d.Hint(refusal, settings.NameOf); say != "" {
			return []string{say}
		}
	}
	switch {
	case !errors.Is(err, flows.ErrTimedOut) || o.SignIn.Flow == flows.FlowDevice:
	case errors.Is(err, session.ErrPortHeld), o.Provider.ClientID == "": // no page was shown; it registers itself
	case len(d.Register) > 0:
		return []string{"did the browser show an error of " + d.Title + "'s? See " + fault.Page("providers/"+d.Name+".md")}
	default:
		return []string{"did the browser show an error? Check the client ID (" + o.Provider.ClientID +
			") and the redirect URI that is registered with the provider"}
	}
	return nil
}

// WithSignals returns a context that the first signal ends. Work that must not
// be cut (the new refresh token on its way to the disk) goes on past it; a
// second signal ends the process at once.
func WithSignals() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	ch := make(chan os.Signal, 2)
	talk.Notify(ch)
	go func() {
		first := (<-ch).(syscall.Signal)
		cancel(&talk.SignalError{Sig: first})
		second := (<-ch).(syscall.Signal)
		terminal.Restore()
		kubeconfig.Unlock()
		os.Exit(ExitSignal + int(second))
	}()
	return ctx
}

// The rules for what is said to a person, here and in package talk:
//
//   - stdout is the tool's; everything here goes to stderr, or to the terminal
//     where the calling tool keeps stderr to itself.
//   - One line an error, "sso-exec: what failed: why", then what to do.
//   - A prompt is one calm block: who asks, where to go, what to enter.
//   - Nobody is told a device code, a token or a secret; their types cannot.

// Complain says an error and what to do about it. o may be nil, if the failure
// came before there were settings.
func Complain(o *settings.Resolved, err error) {
	talk.Stderr.End()
	fmt.Fprint(talk.Stderr, Complaint(o, err))
}

// Complaint is what Complain says.
func Complaint(o *settings.Resolved, err error) string {
	if o == nil {
		o = &settings.Resolved{}
	}
	text := "sso-exec: " + talk.OneLine(err.Error()) + "\n"
	for _, h := range o.WithSecret(Hints(o, err)) {
		text += "  " + strings.Map(talk.Unbroken, h) + "\n" // all of it: it may be there to be pasted
	}
	if code := ExitCode(err); o.Provider.Issuer != "" && code != ExitUsage && code != ExitStorage &&
		!strings.Contains(text, "--session=") && !strings.Contains(text, "--profile=") {
		if which := acquire.Which(o); which != "" { // of several accounts it is about
			text += "  " + strings.Replace(which, " ", ": ", 1) + " at " + talk.HostOf(o.Provider.Issuer) + "\n"
		}
	}
	return text
}

// Note complains of a failure that does not keep others from their turn. first
// becomes the first of these, which only its exit code is left of.
func Note(first *error, o *settings.Resolved, err error) {
	Complain(o, err)
	if *first == nil {
		*first = fault.Silently(err)
	}
}

// WarnOfPolicy says what is wrong with the system's policy, for commands that work under
// any.
func WarnOfPolicy() {
	if _, err := policy.Load(); err != nil {
		talk.Warn(err)
	}
}

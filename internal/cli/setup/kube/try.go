package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/workload"
)

// tryTimeout bounds what is tried of a cluster.
const tryTimeout = 8 * time.Second

// try asks the cluster who this is, as kubectl does, where nobody must sign in for that;
// and says what to run.
func (s *kubeSetup) try(ctx context.Context, kubectl ...string) {
	if s.signedIn() {
		s.whoami(ctx, kubectl)
	}
	fmt.Fprintln(talk.Out, "Try it: "+talk.Paste(append(kubectl, "get", "ns")...))
}

// signedIn reports whether kubectl gets a token from us without a sign-in. Where the policy
// denies helpers, kubectl is not run.
func (s *kubeSetup) signedIn() bool {
	if s.o.Tool != settings.ToolKube || s.fromKubelogin || s.o.Policy != nil && s.o.Policy.HelpersDenied {
		return false
	}
	open, err := acquire.Open(s.o, acquire.Caller{})
	if err != nil {
		return false
	}
	e, err := open.Stored()
	return err == nil && session.Usable(e, time.Now(), open.Limits)
}

// whoami runs kubectl auth whoami, and says what came of it; nothing where kubectl is not
// here, or too old for that.
func (s *kubeSetup) whoami(ctx context.Context, kubectl []string) {
	most := min(tryTimeout, s.o.Network.Timeout)
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	out, err := workload.RunCommand(ctx, append(kubectl, "--request-timeout=5s", "auth", "whoami", "-o", "json"),
		append(os.Environ(), settings.VariableOf("interactive")+"=never"))
	var review struct {
		Status struct {
			UserInfo struct {
				Username string   `json:"username"`
				Groups   []string `json:"groups"`
			} `json:"userInfo"`
		} `json:"status"`
	}
	_ = json.Unmarshal(out, &review)
	user, why := review.Status.UserInfo, "its output cannot be read"
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		why = noAnswer + most.String()
	} else if err != nil {
		why = err.Error()
	}
	switch {
	case user.Username != "":
		fmt.Fprintf(talk.Out, "kubectl auth whoami: %s\n  groups: %s\n", talk.OneLine(user.Username),
			talk.OneLine(strings.Join(user.Groups, ", ")))
		return
	case errors.Is(err, exec.ErrNotFound), errors.Is(ctx.Err(), context.Canceled),
		strings.Contains(why, "See 'kubectl auth "): // its usage: of versions before 1.27
		return
	}
	if _, line, ok := strings.Cut(why, "): "); ok { // what kubectl says, without that it failed
		why = line
	}
	again := talk.Paste(append(kubectl, "auth", "whoami")...)
	fmt.Fprintf(talk.Out, "kubectl auth whoami: %s\n  %s\n", why, s.advice(why, again))
}

// advice says what to run after kubectl auth whoami has failed. Only a server that answered
// may lack our provider's settings.
func (s *kubeSetup) advice(why, again string) string {
	for _, of := range []string{"You must be logged in", "Unauthorized"} {
		if strings.Contains(why, of) {
			return "what the API server needs to trust this provider: " + s.o.Command("setup", "kube", "--print-auth-config")
		}
	}
	for _, of := range []string{"The connection to the server", "Unable to connect to the server", noAnswer} {
		if strings.HasPrefix(why, of) && !strings.Contains(why, "getting credentials") { // that is us
			return "the cluster was not reached; once it can be, run: " + again
		}
	}
	return "to see all that it says, run: " + again
}

// noAnswer is said of a kubectl that does not end.
const noAnswer = "no answer within "

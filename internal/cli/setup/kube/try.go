package kube

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/environ"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
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
	path, err := environ.LookPath(kubectl[0])
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, append(kubectl[1:], "--request-timeout=5s", "auth", "whoami", "-o", "json")...)
	cmd.Env = append(os.Environ(), settings.VariableOf("interactive")+"=never")
	cmd.WaitDelay = time.Second
	var failed bytes.Buffer
	cmd.Stderr = &failed
	out, err := cmd.Output()
	var review struct {
		Status struct {
			UserInfo struct {
				Username string   `json:"username"`
				Groups   []string `json:"groups"`
			} `json:"userInfo"`
		} `json:"status"`
	}
	_ = json.Unmarshal(out, &review)
	user := review.Status.UserInfo
	lines := strings.Split(strings.TrimSpace(failed.String()), "\n")
	why := commandline.Clean(lines[len(lines)-1], 300)
	switch {
	case err == nil && user.Username != "":
		fmt.Fprintf(talk.Out, "kubectl auth whoami: %s\n  groups: %s\n", talk.OneLine(user.Username),
			talk.OneLine(strings.Join(user.Groups, ", ")))
		return
	case strings.Contains(failed.String(), "unknown command"):
		return
	case ctx.Err() != nil:
		why = fmt.Sprintf("no answer within %v", tryTimeout)
	case why == "":
		why = "it says nothing that can be read"
	}
	fmt.Fprintf(talk.Out, "kubectl auth whoami: %s\n  what the API server must be told: %s\n", why,
		s.o.Command("setup", "kube", "--print-auth-config"))
}

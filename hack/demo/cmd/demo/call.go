package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// call is the command line that the demo runs twice.
type call struct {
	binary string
	args   []string
}

func newCall(dir, issuer string, unattended bool) call {
	c := call{binary: filepath.Join(dir, "sso-exec"), args: []string{
		"kube", "--issuer", issuer, "--client-id", clientID,
		"--scope", "email,profile,groups", "--cache-dir", filepath.Join(dir, "cache"),
	}}
	if unattended {
		browser := fmt.Sprintf("%s --email %s --password %s", filepath.Join(dir, "approve"), alice.Email, alice.Password)
		c.args = append(c.args, "--flow", "pkce", "--browser", browser)
	}
	return c
}

// String is the call as a person would type it, an option a line.
func (c call) String() string {
	line := "  sso-exec " + c.args[0]
	for i := 1; i < len(c.args); i += 2 {
		value := c.args[i+1]
		if strings.Contains(value, " ") {
			value = "'" + value + "'"
		}
		line += " \\\n    " + c.args[i] + " " + value
	}
	return line
}

type answer struct {
	token  string
	pretty []byte
	took   time.Duration
}

func (c call) run(ctx context.Context) (answer, error) {
	cmd := exec.CommandContext(ctx, c.binary, c.args...)
	// A Ctrl-C reaches sso-exec from the terminal too; a SIGTERM only from here.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	cmd.Env = withoutOurs(os.Environ())
	cmd.Stdin, cmd.Stderr = os.Stdin, os.Stderr
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	begin := time.Now()
	if err := cmd.Run(); err != nil {
		return answer{}, fmt.Errorf("sso-exec kube: %w", err)
	}
	a := answer{took: time.Since(begin)}
	var err error
	a.token, a.pretty, err = readExecCredential(stdout.Bytes())
	return a, err
}

// withoutOurs drops the settings that would change what the demo shows.
func withoutOurs(environ []string) []string {
	var kept []string
	for _, kv := range environ {
		if !strings.HasPrefix(kv, "SSO_EXEC_") && !strings.HasPrefix(kv, "KUBERNETES_EXEC_INFO=") {
			kept = append(kept, kv)
		}
	}
	return kept
}

func readExecCredential(document []byte) (token string, pretty []byte, err error) {
	var doc struct {
		APIVersion, Kind string
		Status           struct {
			Token               string
			ExpirationTimestamp time.Time
		}
	}
	if err := json.Unmarshal(document, &doc); err != nil {
		return "", nil, fmt.Errorf("stdout is not one JSON document: %w", err)
	}
	switch {
	case doc.APIVersion != "client.authentication.k8s.io/v1" || doc.Kind != "ExecCredential":
		return "", nil, fmt.Errorf("stdout is not an ExecCredential, but %q of %q", doc.Kind, doc.APIVersion)
	case strings.Count(doc.Status.Token, ".") != 2:
		return "", nil, errors.New("the token in it is not an ID token")
	case !doc.Status.ExpirationTimestamp.After(time.Now()):
		return "", nil, errors.New("the token in it has ended already")
	}
	var out bytes.Buffer
	err = json.Indent(&out, bytes.TrimSpace(document), "", "  ")
	return doc.Status.Token, out.Bytes(), err
}

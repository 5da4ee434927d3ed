package keyring

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/cache"
)

// keychain is the login keychain of macOS, by way of security(1): its own API needs
// cgo. This file is compiled everywhere, so that its tests run everywhere. What it
// relies on is in Apple's SecurityTool (security.c, readline.c, keychain_find.c,
// keychain_add.c):
//
//   - main returns what the command did, an OSStatus, of which a process keeps the
//     low byte: the codes of refusal.
//   - with -i it reads commands from stdin, and returns what the last one did. A
//     command ends with a line break, or after 4,095 bytes: the rest would be another
//     command, and show in an error. So a secret is in no argument, where every user
//     of the machine could read it, and no longer than a line.
//   - find-generic-password -w prints a value as it is, but in hex if it has a
//     character that is not printable ASCII, and does not say which. Base64 has none.
type keychain struct{ program string } // empty: the system's

const (
	// longestLine is what is left of MAX_LINE_LEN with the zero at its end.
	longestLine = 4095

	// encoded begins a value, as go-keyring's do, by which entries were written before.
	encoded = "go-keyring-base64:"

	notFound = 44 // errSecItemNotFound, -25300
)

// refusal says what an exit code means (SecBase.h, MacErrors.h).
func refusal(code int) string {
	switch code {
	case 36: // errSecInteractionNotAllowed, -25308
		return "the keychain is locked, and macOS cannot ask for its password here (SSH, launchd); " +
			"run: security unlock-keychain"
	case 37, 50: // errSecNoDefaultKeychain, -25307; errSecNoSuchKeychain, -25294
		return "this user has no login keychain"
	case 45: // errSecDuplicateItem, -25299: add -U could not change the entry, so it tried to make one
		return "the keychain did not allow changing the existing entry (is it locked?)"
	case 51, 128: // errSecAuthFailed, -25293; userCanceledErr, -128
		return "access to the keychain was denied"
	}
	return fmt.Sprintf("/usr/bin/security ended with status %d", code)
}

func (k keychain) Get(ctx context.Context, account string) (string, error) {
	out, err := k.run(ctx, "", "find-generic-password", "-w", "-s", cache.KeyringService, "-a", account)
	if err != nil {
		return "", err
	}
	value := strings.TrimSuffix(out, "\n")
	text, ok := strings.CutPrefix(value, encoded)
	if !ok {
		return value, nil // somebody else's
	}
	secret, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "", errors.New("the entry is not what was written")
	}
	return string(secret), nil
}

func (k keychain) Set(ctx context.Context, account, secret string) error {
	if strings.ContainsAny(account, "\n\x00\"\\") {
		return fmt.Errorf("the name %q cannot be written", account)
	}
	line := `add-generic-password -U -s "` + cache.KeyringService + `" -a "` + account + `" -w "` + encoded +
		base64.StdEncoding.EncodeToString([]byte(secret)) + `"`
	if len(line) > longestLine {
		return errors.New("the secret is too long for the keychain's command")
	}
	_, err := k.run(ctx, line+"\n", "-i")
	return err
}

func (k keychain) Remove(ctx context.Context, account string) error {
	_, err := k.run(ctx, "", "delete-generic-password", "-s", cache.KeyringService, "-a", account)
	return err
}

// run returns what the command writes to stdout. What it says of a failure is not
// shown: a part of the secret may be in it.
//
// When ctx ends, so does the command: a write that was given up must not be made later,
// over that of another process. The terminal's Ctrl-C is not for it: the caller decides
// what that ends, and a write of a token whose predecessor is spent goes on.
func (k keychain) run(ctx context.Context, stdin string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, cmp.Or(k.program, "/usr/bin/security"), args...) //nolint:gosec // a constant
	cmd.Stdin = strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout, cmd.Env = &out, environment()
	cmd.WaitDelay, cmd.SysProcAttr = time.Second, apart()
	err := cmd.Run()
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	failed, ok := errors.AsType[*exec.ExitError](err)
	switch {
	case ok && failed.ExitCode() == notFound:
		return "", cache.ErrNoEntry
	case ok:
		return "", errors.New(refusal(failed.ExitCode()))
	}
	return out.String(), err
}

// environment is what the command gets: not our variables, which may hold secrets. By HOME
// it finds the keychains and the list of them, by USER the login keychain that old systems
// named so; without them it uses the user's entry (DLDBListCFPref.cpp, getPwInfo). One that
// is left out, SECURITYSERVER, would choose who gets the secrets (ssclient.cpp). The windows
// that ask belong to the login session, not to a variable.
func environment() []string {
	env := []string{} // nil would be all variables
	for _, name := range []string{"HOME", "USER"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}
